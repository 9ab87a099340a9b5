//! Downloads files of messages from WhatsApp's media hosts, and uploads files to send to them. A download needs a host and the
//! path in the message, but no session; an upload needs a session.
//!
//! ```text
//! media          the download: retries, requests to the phone to upload a file again, the result
//! media/source   the encrypted bytes, across hosts and lost connections, with Range requests
//! media/http     one response of a host
//! media/decrypt  the thread that decrypts and verifies: frames in, pieces of 64 KiB out
//! media/encrypt  encrypts a file to send, piece by piece
//! media/upload   uploads the ciphertext to a host; the session provides the hosts and the token
//! media/picture  downloads the picture of a person or a group, which is not encrypted, from the host that WhatsApp names
//! ```
//!
//! A download writes nothing to disk, and keeps only a few pieces of a file in memory. The library's own downloads are not used:
//! they report neither why they failed nor whether a retry may help, they log addresses, and their HTTP client has no
//! read timeout.

mod decrypt;
mod encrypt;
pub(super) mod http;
mod phone;
mod picture;
mod source;
mod upload;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use openclaw_egress::Egress;
use openclaw_types::{ChatId, Contact, MediaKind, MediaPointer, MessageId};
use tokio::sync::mpsc;
use whatsapp_rust::download::{DEFAULT_MEDIA_HOSTS, MediaType};

use super::{Endpoint, Session, lock};
use decrypt::{Decryption, Flaw, Sink};
use source::Source;

pub use encrypt::{Encryption, NotSealed};
pub use picture::{MAX_PICTURE_BYTES, PictureError, fetch_picture};
pub use upload::UploadFailure;

/// The largest file that WhatsApp accepts.
pub const MAX_MEDIA_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// The maximum number of downloads of a file that fails verification: one of several hosts may have a bad copy.
const MAX_TRIES: u32 = 2;
/// The maximum number of paths remembered for files that a phone has uploaded again.
const MAX_RENEWED: usize = 64;
/// The timeout for querying WhatsApp for its media hosts.
const HOSTS_TIMEOUT: Duration = Duration::from_secs(10);
/// The overhead of encryption: a MAC of 10 bytes, and padding to whole blocks of 16.
const MAC_BYTES: u64 = 10;
const BLOCK_BYTES: u64 = 16;

/// The file of a message.
#[derive(Clone, Debug)]
pub struct MediaFile {
    /// Its kind.
    pub kind: MediaKind,
    /// It is not of a message, but a history that the phone has sent: its keys are derived in another way, and the phone is
    /// not asked for it again.
    pub history: bool,
    /// Its size as declared by the sender; 0 if unknown.
    pub bytes: u64,
    /// Its location and key.
    pub pointer: MediaPointer,
    /// The message that the file belongs to.
    pub message: MessageId,
    /// The message's chat.
    pub chat: ChatId,
    /// The message's author.
    pub sender: Contact,
    /// True if the account itself is the author.
    pub from_me: bool,
}

impl MediaFile {
    const fn media_type(&self) -> MediaType {
        match self.history {
            true => MediaType::History,
            false => media_type(self.kind),
        }
    }
}

/// A part of a download, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The next bytes, at most 64 KiB. They are verified only at the end of the file.
    Chunk(Vec<u8>),
    /// The download restarts: discard all chunks received so far.
    Restart,
}

/// The result of a complete and verified download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// SHA-256.
    pub sha256: [u8; 32],
    /// Its size.
    pub bytes: u64,
}

/// Why a download failed. The state of the link is independent of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// DNS, TCP or TLS failed.
    #[error("no media host of WhatsApp could be reached")]
    Unreachable,
    /// An HTTP status other than success, and other than those for an expired file.
    #[error("the media hosts responded with HTTP status {0}")]
    HostError(u16),
    /// Too many connections in a row were lost.
    #[error("the connection to the media host was lost repeatedly")]
    Interrupted,
    /// A read timed out.
    #[error("the media host sent nothing for too long")]
    Stalled,
    /// The media hosts no longer have the file, and there is no link over which to ask the phone for a new upload.
    #[error("WhatsApp no longer has the file, and the agent is not connected to ask the phone")]
    Expired,
    /// The phone did not respond to the request for a new upload.
    #[error("WhatsApp no longer has the file, and the phone did not answer")]
    PhoneSilent,
    /// The phone responded with an error.
    #[error("WhatsApp no longer has the file, and the phone could not upload it again")]
    PhoneError,
    /// Neither the media hosts nor the phone have the file.
    #[error("neither WhatsApp nor the phone has the file any more")]
    Gone,
    /// Larger than the caller's limit.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// Shorter than the sender declares, and incomplete.
    #[error("the file at WhatsApp is shorter than its sender declares")]
    Truncated,
    /// The MAC, or the padding that it covers, is wrong.
    #[error("the file at WhatsApp is corrupted: its MAC is wrong")]
    Corrupted,
    /// The hash is wrong.
    #[error("the file at WhatsApp is not the one that its sender describes")]
    WrongHash,
    /// The caller did not read the next piece in time.
    #[error("the client read nothing for too long")]
    TooSlow,
    /// The caller dropped the receiver.
    #[error("the client disconnected")]
    Left,
}

/// Downloads files, with or without a session.
#[derive(Debug)]
pub struct Downloads {
    endpoint: Endpoint,
    egress: Egress,
    /// The media hosts that WhatsApp reported last.
    hosts: Mutex<Vec<String>>,
    /// The paths of files that phones have uploaded again, by the hash of the encrypted file. Not durable: after a
    /// restart a phone may be asked once more.
    renewed: Mutex<VecDeque<(Vec<u8>, String)>>,
}

/// Why one attempt failed.
enum Failure {
    /// The path is no longer valid: 401, 403, 404, 410.
    Rejected,
    /// The bytes did not verify. Another host may have a good copy.
    Spoilt(DownloadError),
    Final(DownloadError),
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        Self::Final(error)
    }
}

impl Downloads {
    /// Downloads from the media hosts of this endpoint, which are reached by this way.
    #[must_use]
    pub fn new(endpoint: Endpoint, egress: Egress) -> Self {
        Self {
            endpoint,
            egress,
            hosts: Mutex::default(),
            renewed: Mutex::default(),
        }
    }

    /// Downloads a file of at most `most` bytes, and sends it to `pieces`. `connected` returns the session while its
    /// connection is up. Ends when the receiver of the pieces is dropped.
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
            let egress = self.egress.clone();
            let tried = match Source::new(egress, hosts, tries, &path, file, most) {
                Ok(source) => attempt(file, source, &sink).await,
                Err(failure) => Err(failure),
            };
            match tried {
                Ok(whole) => return Ok(whole),
                Err(Failure::Rejected) if asked || file.history => {
                    return Err(DownloadError::Gone);
                }
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

    /// The hosts to try: those that WhatsApp reports now, else those it reported last, else the default ones of its
    /// clients.
    async fn hosts(&self, session: Option<Session>) -> Vec<String> {
        if let Some(session) = session {
            let asked = session.client.refresh_media_conn(false);
            match tokio::time::timeout(HOSTS_TIMEOUT, asked).await {
                Ok(Ok(named)) => {
                    let named = named.hosts.into_iter().map(|host| host.hostname);
                    *lock(&self.hosts) = named.collect();
                }
                Ok(Err(_)) | Err(_) => tracing::debug!("media hosts not reported by WhatsApp"),
            }
        }
        let last = lock(&self.hosts).clone();
        if last.is_empty() && self.endpoint == Endpoint::WhatsApp {
            return DEFAULT_MEDIA_HOSTS.map(str::to_owned).to_vec();
        }
        last
    }
}

/// Makes one attempt to download the whole file from one path.
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
        // If the thread has stopped, its verdict has the reason.
        if !decryption.feed(frame).await {
            break Ok(());
        }
    };
    // After a failure too: no piece of this attempt may arrive after the restart.
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

/// The size of an encrypted file.
const fn encrypted_bytes(plain: u64) -> u64 {
    (plain / BLOCK_BYTES)
        .saturating_add(1)
        .saturating_mul(BLOCK_BYTES)
        .saturating_add(MAC_BYTES)
}

/// The kind determines the encryption keys.
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
