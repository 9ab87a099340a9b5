//! Decrypts a file on a thread of the blocking pool, because the library decrypts from a reader into a writer.
//!
//! ```text
//! source ── frames ──> Frames (Read) ── library ──> Pieces (Write) ── pieces of 64 KiB ──> the caller
//! ```
//!
//! The MAC is at the end of the file, so pieces are delivered before it is verified. The last piece is delivered only
//! after MAC and hash were verified: of a file that fits in one piece, no unverified byte is delivered.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::{Buf as _, Bytes};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use whatsapp_rust::download::{DownloadUtils, MediaType};

use super::{DownloadError, MediaFile, Piece, Whole};

/// The maximum number of frames that wait for the thread.
const MAX_QUEUED_FRAMES: usize = 2;
/// The size of every piece except the last.
const PIECE_BYTES: usize = 64 * 1024;
/// How long the caller may take to receive a piece.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The destination of the pieces.
pub(super) struct Sink {
    pieces: mpsc::Sender<Piece>,
    most: u64,
    /// True if a piece was delivered since the last restart.
    begun: Arc<AtomicBool>,
}

impl Sink {
    /// Accepts a file of at most `most` bytes.
    pub(super) fn new(pieces: mpsc::Sender<Piece>, most: u64) -> Self {
        Self {
            pieces,
            most,
            begun: Arc::default(),
        }
    }

    pub(super) const fn most(&self) -> u64 {
        self.most
    }

    /// Resolves when the receiver is dropped.
    pub(super) async fn left(&self) {
        self.pieces.closed().await;
    }

    /// Announces that the next piece is the first of the file again.
    pub(super) async fn restart(&self) -> Result<(), DownloadError> {
        if !self.begun.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let sent = self.pieces.send(Piece::Restart);
        match tokio::time::timeout(CLIENT_TIMEOUT, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(DownloadError::Left),
            Err(_) => Err(DownloadError::TooSlow),
        }
    }
}

/// A problem with the received bytes, or with the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// MAC, padding or length.
    Mac,
    Hash,
    TooLarge,
    TooSlow,
    Left,
}

/// The thread that decrypts one attempt.
pub(super) struct Decryption {
    frames: mpsc::Sender<Bytes>,
    verdict: JoinHandle<Result<Whole, Flaw>>,
}

impl Decryption {
    pub(super) fn start(file: &MediaFile, sink: &Sink) -> Self {
        let (frames, queue) = mpsc::channel(MAX_QUEUED_FRAMES);
        let pieces = Pieces {
            runtime: Handle::current(),
            sink: sink.pieces.clone(),
            begun: Arc::clone(&sink.begun),
            most: sink.most,
            piece: Vec::with_capacity(PIECE_BYTES),
            sha256: Sha256::new(),
            bytes: 0,
            flaw: None,
        };
        let frame = Bytes::new();
        let frames_of = Frames { queue, frame };
        let key = zeroize::Zeroizing::new(file.pointer.key.clone());
        let (kind, expected) = (file.media_type(), file.pointer.sha256.clone());
        let work = move || decrypt(frames_of, &key, kind, pieces, &expected);
        Self {
            frames,
            verdict: tokio::task::spawn_blocking(work),
        }
    }

    /// Passes a frame to the thread. False if the thread has stopped.
    pub(super) async fn feed(&self, frame: Bytes) -> bool {
        self.frames.send(frame).await.is_ok()
    }

    /// Ends the input, and returns the result of the verification.
    pub(super) async fn verdict(self) -> Result<Whole, Flaw> {
        drop(self.frames);
        // The thread is never aborted, and a panic ends the process.
        self.verdict.await.unwrap_or(Err(Flaw::Left))
    }
}

fn decrypt(
    frames: Frames,
    key: &[u8],
    kind: MediaType,
    mut pieces: Pieces,
    expected: &[u8],
) -> Result<Whole, Flaw> {
    let decrypted = DownloadUtils::decrypt_stream_to_writer(frames, key, kind, &mut pieces);
    if let Some(flaw) = pieces.flaw {
        return Err(flaw);
    }
    decrypted.map_err(|_| Flaw::Mac)?;
    pieces.finish(expected)
}

/// The frames, as a reader.
struct Frames {
    queue: mpsc::Receiver<Bytes>,
    frame: Bytes,
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.frame.is_empty() {
            match self.queue.blocking_recv() {
                Some(frame) => self.frame = frame,
                None => return Ok(0),
            }
        }
        let read = buffer.len().min(self.frame.len());
        self.frame.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}

/// The decrypted bytes, as a writer that sends pieces to the caller.
struct Pieces {
    runtime: Handle,
    sink: mpsc::Sender<Piece>,
    begun: Arc<AtomicBool>,
    most: u64,
    piece: Vec<u8>,
    sha256: Sha256,
    bytes: u64,
    flaw: Option<Flaw>,
}

impl Pieces {
    /// Verifies the hash of the file, then sends the last piece.
    fn finish(mut self, expected: &[u8]) -> Result<Whole, Flaw> {
        self.sha256.update(&self.piece);
        let sha256: [u8; 32] = std::mem::take(&mut self.sha256).finalize().into();
        if sha256.as_slice() != expected {
            return Err(Flaw::Hash);
        }
        if !self.piece.is_empty() {
            self.deliver()?;
        }
        let bytes = self.bytes;
        Ok(Whole { sha256, bytes })
    }

    fn deliver(&mut self) -> Result<(), Flaw> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.begun.store(true, Ordering::Relaxed);
        let sent = self.sink.send(Piece::Chunk(piece));
        // Tokio's timer works on this thread because the handle belongs to the agent's runtime.
        let sent = async { tokio::time::timeout(CLIENT_TIMEOUT, sent).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Flaw::Left),
            Err(_) => Err(Flaw::TooSlow),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes > self.most {
            return Err(Flaw::TooLarge);
        }
        // The piece is full and more bytes follow, so it is not the last one.
        if self.piece.len() + bytes.len() > PIECE_BYTES {
            self.sha256.update(&self.piece);
            self.deliver()?;
        }
        self.piece.extend_from_slice(bytes);
        Ok(())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES);
        if let Err(flaw) = self.take(&bytes[..taken]) {
            self.flaw = Some(flaw);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
