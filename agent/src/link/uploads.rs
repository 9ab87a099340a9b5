//! Files to send: received from a client, and uploaded to WhatsApp when it is their message's turn.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_state::outbox::{AttemptError, Outbox};
use openclaw_state::uploads::{ClaimDenied, Incoming, NewUpload, Upload, UploadError, Uploads};
use openclaw_types::{MediaId, MediaKind, NewFile};
use openclaw_whatsapp::session::{Encryption, NotSealed, Session, UploadFailure};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::Agent;

/// Concurrent uploads from clients.
pub(super) const MAX_UPLOADS: usize = 2;
/// Uploads that wait for a turn.
pub(super) const MAX_WAITING_UPLOADS: usize = 16;
/// How often expired files are removed. Shorter in simulator builds, so that tests are fast.
const SWEEP_INTERVAL: Duration = Duration::from_secs(if cfg!(feature = "sim") { 1 } else { 10 });

/// A part of a file that a client uploads.
#[derive(Debug)]
pub enum UploadPart {
    /// The next bytes.
    Bytes(Vec<u8>),
    /// The end of the file. If the channel closes without it, the client has disconnected.
    End,
}

/// A file that can be sent.
#[derive(Debug)]
pub struct Uploaded {
    /// Its id, for the message.
    pub id: MediaId,
    /// Its metadata.
    pub upload: Upload,
    /// When it is removed, unless it belongs to a message by then.
    pub expires_at: SystemTime,
}

/// Why a file was not stored. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum UploadDenied {
    /// The queue is full.
    #[error("{MAX_WAITING_UPLOADS} uploads are queued already")]
    Busy,
    /// A limit, the file's format, or the volume.
    #[error(transparent)]
    File(#[from] UploadError),
    /// There are no random bytes for the key, or encrypting failed.
    #[error(transparent)]
    NotSealed(#[from] NotSealed),
    /// The client disconnected before the end of the file.
    #[error("the client ended the upload before the file was complete")]
    Left,
}

/// Why a message cannot have a file. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileDenied {
    /// The file does not exist, or belongs to another message.
    #[error(transparent)]
    Claim(#[from] ClaimDenied),
    /// Files of its kind have no caption.
    #[error("a file of the kind {} has no caption", .0.name())]
    NoCaption(MediaKind),
    /// Files of its kind cannot be viewed once.
    #[error("a file of the kind {} cannot be viewed once", .0.name())]
    NoViewOnce(MediaKind),
}

impl Agent {
    /// Receives a file, and encrypts it while it arrives. Durable on return. If the sender of `parts` is dropped before
    /// [`UploadPart::End`], nothing is stored.
    pub async fn upload(
        &self,
        new: NewUpload,
        parts: mpsc::Receiver<UploadPart>,
    ) -> Result<Uploaded, UploadDenied> {
        let waiting = self.upload_turns.queue().ok_or(UploadDenied::Busy)?;
        let turn = waiting.turn().await;
        let uploads = Arc::clone(&self.uploads);
        let kind = new.media.kind.name();
        let receiving = spawn_blocking(move || {
            let _turn = turn;
            receive(&uploads, new, parts)
        });
        let received = receiving
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let (id, upload, ticket) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::info!(kind, %error, "upload refused");
                return Err(error);
            }
        };
        self.store.vault().durable(ticket).await;
        let bytes = upload.media.bytes;
        tracing::info!(%id, kind, bytes, "file uploaded by a client");
        let expires_at = Uploads::expires_at(upload.created_at);
        Ok(Uploaded {
            id,
            upload,
            expires_at,
        })
    }

    /// Checks that a message can have this file, with its caption and `view_once`.
    pub(super) fn check_file(&self, file: &NewFile) -> Result<(), FileDenied> {
        let upload = self.uploads.load(file.media).ok_or(ClaimDenied::Gone)?;
        let kind = upload.media.kind;
        let (mut captioned, mut once) = (false, false);
        match kind {
            MediaKind::Image | MediaKind::Video => (captioned, once) = (true, true),
            MediaKind::Gif | MediaKind::Document => captioned = true,
            MediaKind::Voice => once = true,
            MediaKind::Audio | MediaKind::Sticker | MediaKind::VideoNote | MediaKind::Unknown => {}
        }
        if !captioned && !file.caption.is_empty() {
            return Err(FileDenied::NoCaption(kind));
        }
        if !once && file.view_once {
            return Err(FileDenied::NoViewOnce(kind));
        }
        Ok(())
    }
}

type Received = (MediaId, Upload, openclaw_state::vault::Ticket);

/// Runs on a blocking thread: it writes to the disk.
fn receive(
    uploads: &Arc<Uploads>,
    new: NewUpload,
    mut parts: mpsc::Receiver<UploadPart>,
) -> Result<Received, UploadDenied> {
    let mut encryption = Encryption::start(new.media.kind)?;
    let mut incoming: Incoming = uploads.begin(new, clock::now())?;
    let mut encrypted = Vec::new();
    loop {
        match parts.blocking_recv() {
            Some(UploadPart::Bytes(bytes)) => {
                encrypted.clear();
                encryption.update(&bytes, &mut encrypted);
                incoming.add(&bytes, &encrypted)?;
                failpoint::pass(Failpoint::Receiving);
            }
            Some(UploadPart::End) => break,
            None => return Err(UploadDenied::Left),
        }
    }
    encrypted.clear();
    let sealing = encryption.finish(&mut encrypted)?;
    failpoint::pass(Failpoint::Received);
    Ok(incoming.seal(&encrypted, sealing, clock::now())?)
}

/// Uploads a file to WhatsApp, and stores its address there.
pub(super) async fn host(
    uploads: &Uploads,
    session: &Session,
    media: MediaId,
) -> Result<(), AttemptError> {
    let upload = uploads.load(media).ok_or(AttemptError::FileGone)?;
    let file = uploads.file(media).map_err(|error| {
        tracing::error!(%error, "file to send cannot be opened");
        AttemptError::FileGone
    })?;
    failpoint::pass(Failpoint::Uploading);
    let hosted = session.upload(&upload, &file).await;
    let hosted = hosted.map_err(|error| {
        let (kind, bytes) = (upload.media.kind.name(), upload.media.bytes);
        tracing::warn!(kind, bytes, %error, "file not uploaded to WhatsApp");
        match error {
            UploadFailure::Refused(status) => AttemptError::FileRefused(status),
            UploadFailure::Unreadable => AttemptError::FileGone,
            _ => AttemptError::NotUploaded,
        }
    })?;
    failpoint::pass(Failpoint::Uploaded);
    uploads.set_hosted(media, &hosted).await;
    failpoint::pass(Failpoint::Hosted);
    Ok(())
}

/// Removes files that are no longer needed, periodically. Never returns.
pub async fn sweep(uploads: Arc<Uploads>, outbox: Arc<Outbox>) {
    loop {
        uploads.sweep(clock::now(), |token| outbox.progress_of(token));
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}
