//! Files of messages, downloaded from WhatsApp's media hosts, which need no session: a path that the message names, and a
//! host.
//!
//! ```text
//! media          the transfer: what is tried again, when the phone is asked, how it ends
//! media/source   the encrypted bytes, over hosts and lost connections: one Range after the other
//! media/http     one response of a host
//! media/decrypt  the thread that decrypts and verifies: frames in, pieces of 64 KiB out
//! ```
//!
//! Nothing is written to a disk, and of a file no more is in memory than a few pieces. The library's own downloads are not
//! used: they report neither why they failed nor whether trying again helps, they log addresses, and their HTTP client
//! has no limit on silence.

mod decrypt;
mod http;
mod phone;
mod source;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use openclaw_types::{ChatId, Contact, MediaKind, MediaPointer, MessageId};
use tokio::sync::mpsc;
use whatsapp_rust::download::{DEFAULT_MEDIA_HOSTS, MediaType};

use super::{Endpoint, Session, lock};
use decrypt::{Decryption, Flaw, Sink};
use source::Source;

/// The largest file that WhatsApp takes.
pub const MAX_MEDIA_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// How often a file that does not verify is downloaded: one host of several may have a bad copy.
const MAX_TRIES: u32 = 2;
/// Paths of files that a phone has uploaded again.
const MAX_RENEWED: usize = 64;
/// How long WhatsApp may take to name its media hosts.
const HOSTS_TIMEOUT: Duration = Duration::from_secs(10);
/// What encryption adds to a file: a MAC of 10 bytes, and padding to whole blocks of 16.
const MAC_BYTES: u64 = 10;
const BLOCK_BYTES: u64 = 16;

/// A file of a message.
#[derive(Clone, Debug)]
pub struct MediaFile {
    /// What it is.
    pub kind: MediaKind,
    /// Its size, as its sender says; 0 when not known.
    pub bytes: u64,
    /// Where it is, and its key.
    pub pointer: MediaPointer,
    /// The message that brings it.
    pub message: MessageId,
    /// The message's chat.
    pub chat: ChatId,
    /// The message's author.
    pub sender: Contact,
    /// The account itself wrote it.
    pub from_me: bool,
}

/// What a download delivers, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The next bytes, at most 64 KiB. They are verified only at the end.
    Chunk(Vec<u8>),
    /// What was delivered so far is to be discarded.
    Restart,
}

/// A file that was delivered and verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// SHA-256.
    pub sha256: [u8; 32],
    /// Its size.
    pub bytes: u64,
}

/// Why a file was not downloaded. None of it says anything about the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// DNS, TCP or TLS.
    #[error("no media host of WhatsApp could be reached")]
    Unreachable,
    /// Another status than success, or than those for a file that is gone.
    #[error("the media hosts answer with HTTP status {0}")]
    HostError(u16),
    /// Cut again and again.
    #[error("the connection to the media host was lost again and again")]
    Interrupted,
    /// Silence.
    #[error("the media host sent nothing for too long")]
    Stalled,
    /// The file is gone, and there is no link over which to ask the phone.
    #[error("WhatsApp no longer has the file, and the phone cannot be asked for it: not connected")]
    Expired,
    /// The phone was asked, and did not answer.
    #[error("WhatsApp no longer has the file, and the phone did not answer")]
    PhoneSilent,
    /// The phone was asked, and failed.
    #[error("WhatsApp no longer has the file, and the phone could not upload it again")]
    PhoneError,
    /// Neither WhatsApp nor the phone has it.
    #[error("neither WhatsApp nor the phone has the file any more")]
    Gone,
    /// Larger than the caller takes.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// Shorter than its sender says, and not whole.
    #[error("the file at WhatsApp is shorter than its sender declares")]
    Truncated,
    /// Its MAC is wrong, or what is below it.
    #[error("the file at WhatsApp is corrupted: its MAC is wrong")]
    Corrupted,
    /// Its hash is.
    #[error("the file at WhatsApp is not the one that its sender describes")]
    WrongHash,
    /// The caller takes no more pieces, but has not gone.
    #[error("the client read nothing for too long")]
    TooSlow,
    /// The caller has gone.
    #[error("the client has gone")]
    Left,
}

/// Downloads files, with and without a session.
#[derive(Debug)]
pub struct Downloads {
    endpoint: Endpoint,
    /// The media hosts that WhatsApp last named.
    hosts: Mutex<Vec<String>>,
    /// Where files are that phones have uploaded again, by the hash of the encrypted file. Not durable: a phone may be
    /// asked once more after a restart.
    renewed: Mutex<VecDeque<(Vec<u8>, String)>>,
}

/// How one try ended.
enum Failure {
    /// This path leads to no file any more: 401, 403, 404, 410.
    Rejected,
    /// What came did not verify. Another host may have a better copy.
    Spoilt(DownloadError),
    Final(DownloadError),
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        Self::Final(error)
    }
}

impl Downloads {
    /// From the media hosts of this endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            hosts: Mutex::default(),
            renewed: Mutex::default(),
        }
    }

    /// Downloads a file of at most `most` bytes into `pieces`. `connected` is the session at each moment that its
    /// connection is up. Ends when the receiver of the pieces has gone.
    pub async fn download(
        &self,
        file: &MediaFile,
        most: u64,
        connected: impl Fn() -> Option<Session> + Send,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<Whole, DownloadError> {
        let most = most.min(MAX_MEDIA_BYTES);
        let sink = Sink::new(pieces, most);
        let mut path = self.path_of(file);
        let (mut asked, mut tries) = (false, 0);
        loop {
            let hosts = tokio::select! {
                hosts = self.hosts(connected()) => hosts,
                () = sink.left() => return Err(DownloadError::Left),
            };
            let tried = match Source::new(hosts, tries, &path, file, most) {
                Ok(source) => attempt(file, source, &sink).await,
                Err(failure) => Err(failure),
            };
            match tried {
                Ok(whole) => return Ok(whole),
                Err(Failure::Rejected) if asked => return Err(DownloadError::Gone),
                Err(Failure::Rejected) => {
                    asked = true;
                    let session = connected().ok_or(DownloadError::Expired)?;
                    path = self.ask_phone(&session, file, &sink).await?;
                }
                Err(Failure::Spoilt(error)) => {
                    tries += 1;
                    if tries == MAX_TRIES {
                        return Err(error);
                    }
                }
                Err(Failure::Final(error)) => return Err(error),
            }
            sink.restart().await?;
        }
    }

    async fn ask_phone(
        &self,
        session: &Session,
        file: &MediaFile,
        sink: &Sink,
    ) -> Result<String, DownloadError> {
        let path = tokio::select! {
            path = phone::upload_again(session, file) => path?,
            () = sink.left() => return Err(DownloadError::Left),
        };
        self.renew(file, &path);
        Ok(path)
    }

    fn path_of(&self, file: &MediaFile) -> String {
        let renewed = lock(&self.renewed);
        let mut paths = renewed.iter();
        let path = paths.find(|(hash, _)| *hash == file.pointer.encrypted_sha256);
        path.map_or_else(
            || file.pointer.direct_path.clone(),
            |(_, path)| path.clone(),
        )
    }

    fn renew(&self, file: &MediaFile, path: &str) {
        let hash = &file.pointer.encrypted_sha256;
        let mut renewed = lock(&self.renewed);
        renewed.retain(|(other, _)| other != hash);
        if renewed.len() == MAX_RENEWED {
            renewed.pop_front();
        }
        renewed.push_back((hash.clone(), path.to_owned()));
    }

    /// Where to look: as WhatsApp says now, as it last said, or where its clients look without a word from it.
    async fn hosts(&self, session: Option<Session>) -> Vec<String> {
        if let Some(session) = session {
            let asked = session.client.refresh_media_conn(false);
            match tokio::time::timeout(HOSTS_TIMEOUT, asked).await {
                Ok(Ok(named)) => {
                    let named = named.hosts.into_iter().map(|host| host.hostname);
                    *lock(&self.hosts) = named.collect();
                }
                Ok(Err(_)) | Err(_) => tracing::debug!("WhatsApp did not name its media hosts"),
            }
        }
        let last = lock(&self.hosts).clone();
        if last.is_empty() && self.endpoint == Endpoint::WhatsApp {
            return DEFAULT_MEDIA_HOSTS.map(str::to_owned).to_vec();
        }
        last
    }
}

/// Everything from one path, once.
async fn attempt(file: &MediaFile, mut source: Source, sink: &Sink) -> Result<Whole, Failure> {
    let decryption = Decryption::start(file, sink);
    let fetched = loop {
        let frame = tokio::select! {
            frame = source.next() => frame,
            () = sink.left() => Err(DownloadError::Left.into()),
        };
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        };
        // When the thread takes no more, its verdict says why.
        if !decryption.feed(frame).await {
            break Ok(());
        }
    };
    // Also after a failure: a piece of this try must not come after the restart.
    let verdict = decryption.verdict().await;
    match (verdict, fetched) {
        (Err(Flaw::Left), _) => Err(DownloadError::Left.into()),
        (Err(Flaw::TooSlow), _) => Err(DownloadError::TooSlow.into()),
        (_, Err(failure)) => Err(failure),
        (Ok(whole), Ok(())) => Ok(whole),
        (Err(Flaw::TooLarge), Ok(())) => Err(DownloadError::TooLarge(sink.most()).into()),
        (Err(Flaw::Hash), Ok(())) => Err(Failure::Spoilt(DownloadError::WrongHash)),
        (Err(Flaw::Mac), Ok(())) => {
            let is_short = file.bytes > 0 && source.position() < encrypted_bytes(file.bytes);
            Err(Failure::Spoilt(match is_short {
                true => DownloadError::Truncated,
                false => DownloadError::Corrupted,
            }))
        }
    }
}

/// The size of a file at WhatsApp.
const fn encrypted_bytes(plain: u64) -> u64 {
    (plain / BLOCK_BYTES)
        .saturating_add(1)
        .saturating_mul(BLOCK_BYTES)
        .saturating_add(MAC_BYTES)
}

/// The keys of a file depend on what it is.
const fn media_type(kind: MediaKind) -> MediaType {
    match kind {
        MediaKind::Image => MediaType::Image,
        MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => MediaType::Video,
        MediaKind::Audio | MediaKind::Voice => MediaType::Audio,
        MediaKind::Sticker => MediaType::Sticker,
        MediaKind::Document | MediaKind::Unknown => MediaType::Document,
    }
}

#[cfg(test)]
mod tests;
