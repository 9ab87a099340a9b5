//! Raw HTTP/2 frames, including invalid ones that no library would send.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use crate::harness::TEST_TIMEOUT;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// `ENHANCE_YOUR_CALM`.
pub(crate) const CALM: u32 = 11;

/// Encodes a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = Vec::with_capacity(9 + payload.len());
    frame.extend_from_slice(&length[1..]);
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The headers of a call, uncompressed.
pub(crate) fn call(path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "openclaw-agent"),
        (":path", path),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        header(&mut block, name, value);
    }
    block
}

/// Adds a header as a literal that is never indexed.
pub(crate) fn header(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0x10);
    for text in [name, value] {
        // HPACK integers with a seven-bit prefix.
        let mut length = text.len();
        if length < 127 {
            block.push(u8::try_from(length).unwrap());
        } else {
            block.push(127);
            length -= 127;
            while length >= 128 {
                block.push(u8::try_from(length % 128 + 128).unwrap());
                length /= 128;
            }
            block.push(u8::try_from(length).unwrap());
        }
        block.extend_from_slice(text.as_bytes());
    }
}

/// A connection for raw frames.
pub(crate) struct Wire {
    out: WriteHalf<TlsStream<TcpStream>>,
    /// The task that reads the agent's frames, if started.
    reader: Option<JoinHandle<()>>,
    goaway: Arc<Mutex<Option<u32>>>,
    /// The latest stream with a response.
    answered: watch::Sender<u32>,
    unread: Option<ReadHalf<TlsStream<TcpStream>>>,
}

impl Wire {
    /// Sends the preface and these settings.
    pub(crate) async fn open(stream: TlsStream<TcpStream>, settings: &[u8]) -> Self {
        let (read, mut out) = tokio::io::split(stream);
        let begin = [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat();
        out.write_all(&begin).await.unwrap();
        out.flush().await.unwrap();
        Self {
            out,
            reader: None,
            goaway: Arc::default(),
            answered: watch::Sender::new(0),
            unread: Some(read),
        }
    }

    /// Starts to read. Without this, nothing is read.
    pub(crate) fn listen(mut self) -> Self {
        let read = self.unread.take().expect("once");
        self.reader = Some(tokio::spawn(read_frames(
            read,
            Arc::clone(&self.goaway),
            self.answered.clone(),
        )));
        self
    }

    /// Sends frames; `false` if the connection is closed.
    pub(crate) async fn send(&mut self, frames: &[u8]) -> bool {
        self.out.write_all(frames).await.is_ok() && self.out.flush().await.is_ok()
    }

    /// Waits for a response on this stream.
    pub(crate) async fn answered(&self, stream: u32) {
        let mut answered = self.answered.subscribe();
        let waiting = answered.wait_for(|last| *last == stream);
        let received = tokio::time::timeout(TEST_TIMEOUT, waiting).await;
        received.expect("an answer").unwrap();
    }

    /// Waits until the agent closes the connection, and returns its error code.
    pub(crate) async fn ended(self) -> Option<u32> {
        self.reader.expect("it listens").await.unwrap();
        *self.goaway.lock().unwrap()
    }
}

async fn read_frames(
    mut read: ReadHalf<TlsStream<TcpStream>>,
    goaway: Arc<Mutex<Option<u32>>>,
    answered: watch::Sender<u32>,
) {
    let mut head = [0; 9];
    while read.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if read.read_exact(&mut payload).await.is_err() {
            return;
        }
        if head[3] == DATA {
            let stream = head[5..].try_into().unwrap();
            answered.send_replace(u32::from_be_bytes(stream));
        }
        if head[3] == GOAWAY {
            let code = payload[4..8].try_into().unwrap();
            *goaway.lock().unwrap() = Some(u32::from_be_bytes(code));
        }
    }
}
