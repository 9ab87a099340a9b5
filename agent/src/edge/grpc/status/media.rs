//! Downloads and uploads that are refused or fail.

use openclaw_state::uploads::{ClaimDenied, FormatError, UploadError};
use openclaw_whatsapp::session::DownloadError;
use tonic::{Code, Status};

use super::with_info;
use crate::link::{DownloadDenied, FileDenied, UploadDenied};

const TRY_AGAIN: &str = "try again later: the message itself is fine";
const LARGER: &str = "raise the limit (`max_bytes`, --max-size), or skip the file";
const BAD_COPY: &str =
    "ask the sender to send it again; a second download helps only if WhatsApp's copy was at fault";

pub(in crate::edge::grpc) fn download_denied(denied: &DownloadDenied) -> Status {
    let (code, reason, hint) = match denied {
        DownloadDenied::NoSuchMessage => (
            Code::NotFound,
            "NO_SUCH_MESSAGE",
            "`openclawctl events --kind message` lists messages with their seq; old ones are removed (--journal-days, --journal-size)",
        ),
        DownloadDenied::NoMedia => (
            Code::FailedPrecondition,
            "NO_MEDIA",
            "name the event of a message with a picture, a video, sound, a document or a sticker",
        ),
        DownloadDenied::NoQuotedMedia => (
            Code::FailedPrecondition,
            "NO_MEDIA",
            "name a message that quotes one with a file, or leave `quoted` out for its own file",
        ),
        DownloadDenied::NoPointer => (
            Code::FailedPrecondition,
            "NO_POINTER",
            "look at it on the phone: WhatsApp sends no address for some files, such as those viewed once",
        ),
        DownloadDenied::TooLarge { .. } => (Code::FailedPrecondition, "MEDIA_TOO_LARGE", LARGER),
        DownloadDenied::Busy => (
            Code::ResourceExhausted,
            "MEDIA_BUSY",
            "wait until other downloads have ended",
        ),
    };
    let size = match denied {
        DownloadDenied::TooLarge { bytes, .. } => bytes.to_string(),
        _ => String::new(),
    };
    with_info(
        code,
        &denied.to_string(),
        reason,
        hint,
        [("size", size.as_str())],
    )
}

pub(in crate::edge::grpc) fn download_failed(error: DownloadError) -> Status {
    let (code, reason, hint) = match error {
        DownloadError::Unreachable => (
            Code::Unavailable,
            "MEDIA_UNREACHABLE",
            "let the agent connect to mmg.whatsapp.net:443, then try again",
        ),
        DownloadError::HostError(_) => (Code::Unavailable, "MEDIA_HOST_ERROR", TRY_AGAIN),
        DownloadError::Interrupted => (Code::Unavailable, "MEDIA_INTERRUPTED", TRY_AGAIN),
        DownloadError::Stalled => (Code::Unavailable, "MEDIA_STALLED", TRY_AGAIN),
        DownloadError::Expired => (
            Code::FailedPrecondition,
            "MEDIA_EXPIRED",
            "try again once the agent is connected (`openclawctl status`): it then asks the phone for the file",
        ),
        DownloadError::PhoneSilent => (
            Code::Unavailable,
            "MEDIA_PHONE_SILENT",
            "switch the phone on and open WhatsApp there, then try again",
        ),
        DownloadError::PhoneError => (
            Code::Unavailable,
            "MEDIA_PHONE_ERROR",
            "open the file on the phone, then try again",
        ),
        DownloadError::Gone => (
            Code::NotFound,
            "MEDIA_GONE",
            "ask the sender to send it again: WhatsApp removes files after some weeks, and the phone does not have it either",
        ),
        DownloadError::TooLarge(_) => (Code::FailedPrecondition, "MEDIA_TOO_LARGE", LARGER),
        DownloadError::Truncated => (Code::DataLoss, "MEDIA_TRUNCATED", BAD_COPY),
        DownloadError::Corrupted => (Code::DataLoss, "MEDIA_CORRUPTED", BAD_COPY),
        DownloadError::WrongHash => (Code::DataLoss, "MEDIA_WRONG_HASH", BAD_COPY),
        DownloadError::TooSlow => (
            Code::DeadlineExceeded,
            "TOO_SLOW",
            "read faster, or write to a disk first: a download that is not read blocks others",
        ),
        // The client has gone.
        DownloadError::Left => (Code::Cancelled, "CANCELLED", TRY_AGAIN),
    };
    let status = match error {
        DownloadError::HostError(status) => status.to_string(),
        _ => String::new(),
    };
    let facts = [("http_status", status.as_str())];
    with_info(code, &error.to_string(), reason, hint, facts)
}

pub(in crate::edge::grpc) fn upload_denied(denied: &UploadDenied) -> Status {
    let (code, reason, hint) = match denied {
        UploadDenied::Busy => (
            Code::ResourceExhausted,
            "MEDIA_BUSY",
            "wait until other uploads have ended",
        ),
        UploadDenied::File(error) => upload_error(error),
        UploadDenied::NotSealed(_) => (
            Code::Internal,
            "NOT_SEALED",
            "call again; nothing was stored",
        ),
        // The client has disconnected, so no one reads this.
        UploadDenied::Left => (Code::Cancelled, "CANCELLED", "upload the file again"),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

const fn upload_error(error: &UploadError) -> (Code, &'static str, &'static str) {
    match error {
        UploadError::TooMany(_) | UploadError::TooMuch(_) => (
            Code::ResourceExhausted,
            "UPLOADS_FULL",
            "send the files that were uploaded, or wait: after 10 minutes a file without a message makes room for a new one",
        ),
        UploadError::VolumeFull => (
            Code::ResourceExhausted,
            "VOLUME_FULL",
            "make the agent's volume larger, or send smaller files: 64 MiB stay free for its store",
        ),
        UploadError::TooLarge => (
            Code::FailedPrecondition,
            "MEDIA_TOO_LARGE",
            "WhatsApp accepts files of up to 2 GiB: send a smaller one, or a link",
        ),
        UploadError::OtherSize { .. } => (
            Code::InvalidArgument,
            "INVALID_ARGUMENT",
            "send exactly `size_bytes` bytes, or leave `size_bytes` out",
        ),
        UploadError::FormatError(FormatError::Voice(_)) => (
            Code::InvalidArgument,
            "NOT_A_VOICE_MESSAGE",
            "a voice message is Opus in an Ogg container: convert it with `ffmpeg -i IN -c:a libopus -ac 1 OUT.ogg`, or send it as audio",
        ),
        UploadError::FormatError(FormatError::Sticker) => (
            Code::InvalidArgument,
            "NOT_A_STICKER",
            "a sticker is a WebP of 512 by 512 pixels: convert it, or send it as an image",
        ),
        UploadError::FormatError(FormatError::Picture) => (
            Code::InvalidArgument,
            "NOT_A_PICTURE",
            "WhatsApp's clients do not show other formats, such as HEIC: convert it to JPEG, or send it as a document",
        ),
        UploadError::FormatError(FormatError::Empty) => (
            Code::InvalidArgument,
            "EMPTY_FILE",
            "send a file that has at least one byte",
        ),
        UploadError::Volume(_) => (
            Code::Internal,
            "VOLUME_FAILED",
            "see the agent's log, and whether the volume can be written",
        ),
    }
}

/// A message that cannot have this file.
pub(in crate::edge::grpc) fn file_denied(denied: FileDenied) -> Status {
    let (code, reason, hint) = match denied {
        FileDenied::Claim(ClaimDenied::Gone) => (
            Code::NotFound,
            "NO_SUCH_MEDIA",
            "upload the file again: it is stored for 24 hours, or until its message has reached WhatsApp",
        ),
        FileDenied::Claim(ClaimDenied::Taken) => (
            Code::FailedPrecondition,
            "MEDIA_IN_USE",
            "upload the file again: one upload is for one message",
        ),
        FileDenied::NoCaption(_) => (
            Code::InvalidArgument,
            "NO_CAPTION",
            "send the text as a separate message: only pictures, videos and documents have captions",
        ),
        FileDenied::NoViewOnce(_) => (
            Code::InvalidArgument,
            "NO_VIEW_ONCE",
            "leave `view_once` out: it is only for pictures, videos and voice messages",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    fn reason(status: &Status) -> String {
        let info = status.get_details_error_info().expect("has an ErrorInfo");
        assert!(!info.metadata["hint"].is_empty(), "{status:?}");
        info.reason
    }

    #[test]
    fn what_is_not_stored_or_not_sent_has_a_hint() {
        let files = [
            UploadError::TooMany(1),
            UploadError::TooMuch(1),
            UploadError::VolumeFull,
            UploadError::TooLarge,
            UploadError::OtherSize {
                bytes: 1,
                declared: 2,
            },
            UploadError::FormatError(FormatError::Sticker),
            UploadError::FormatError(FormatError::Empty),
        ];
        for error in files {
            reason(&upload_denied(&error.into()));
        }
        reason(&upload_denied(&UploadDenied::Busy));
        for denied in [ClaimDenied::Gone, ClaimDenied::Taken] {
            reason(&file_denied(denied.into()));
        }
    }

    #[test]
    fn every_failure_has_its_own_reason_and_a_hint() {
        let mut reasons: Vec<String> = [
            DownloadError::Unreachable,
            DownloadError::HostError(500),
            DownloadError::Interrupted,
            DownloadError::Stalled,
            DownloadError::Expired,
            DownloadError::PhoneSilent,
            DownloadError::PhoneError,
            DownloadError::Gone,
            DownloadError::TooLarge(5),
            DownloadError::Truncated,
            DownloadError::Corrupted,
            DownloadError::WrongHash,
            DownloadError::TooSlow,
        ]
        .into_iter()
        .map(|error| reason(&download_failed(error)))
        .collect();
        let all = reasons.len();
        reasons.sort();
        reasons.dedup();
        assert_eq!(reasons.len(), all);
        for denied in [
            DownloadDenied::NoSuchMessage,
            DownloadDenied::NoMedia,
            DownloadDenied::NoQuotedMedia,
            DownloadDenied::NoPointer,
            DownloadDenied::TooLarge { bytes: 6, most: 5 },
            DownloadDenied::Busy,
        ] {
            reason(&download_denied(&denied));
        }
    }
}
