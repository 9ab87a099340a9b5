//! Asks the phone to upload a file again that the media hosts no longer have.

use std::time::Duration;

use whatsapp_rust::Jid;
use whatsapp_rust::features::{MediaRetryResult, MediaReuploadError, MediaReuploadRequest};

use super::{DownloadError, MediaFile};
use crate::session::Session;
use crate::session::names::jids;

/// How long the phone may take; it may be asleep. Shorter in simulator builds, so that tests are fast.
const PHONE_TIMEOUT: Duration = Duration::from_secs(if cfg!(feature = "sim") { 3 } else { 30 });

/// Returns the new path of the file.
pub(super) async fn upload_again(
    session: &Session,
    file: &MediaFile,
) -> Result<String, DownloadError> {
    let Ok(chat_jid) = file.chat.jid().parse::<Jid>() else {
        return Err(DownloadError::Gone);
    };
    // In a one-to-one chat, the author follows from the chat.
    let sender = jids(&file.sender).into_iter().flatten().next();
    let participant = sender.filter(|_| !file.chat.is_person());
    let request = MediaReuploadRequest {
        msg_id: file.message.as_str(),
        chat_jid: &chat_jid,
        media_key: &file.pointer.key,
        is_from_me: file.from_me,
        participant: participant.as_ref(),
    };
    let reuploads = session.client.media_reupload();
    let asked = tokio::time::timeout(PHONE_TIMEOUT, reuploads.request(&request)).await;
    match asked {
        Ok(Ok(MediaRetryResult::Success { direct_path })) => Ok(direct_path),
        Ok(Ok(MediaRetryResult::NotFound)) => Err(DownloadError::Gone),
        Ok(Ok(MediaRetryResult::GeneralError | MediaRetryResult::DecryptionError)) => {
            Err(DownloadError::PhoneError)
        }
        Ok(Err(MediaReuploadError::Client(_) | MediaReuploadError::NotLoggedIn)) => {
            Err(DownloadError::Expired)
        }
        Ok(Err(MediaReuploadError::InvalidRequest(_))) => Err(DownloadError::Gone),
        Err(_) | Ok(Err(MediaReuploadError::Timeout)) => Err(DownloadError::PhoneSilent),
        // The phone's response could not be decoded.
        Ok(Err(_)) => Err(DownloadError::PhoneError),
    }
}
