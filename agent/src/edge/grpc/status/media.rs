//! Downloads that are refused or fail.

use openclaw_whatsapp::session::DownloadError;
use tonic::{Code, Status};

use super::with_info;
use crate::link::DownloadDenied;

const TRY_AGAIN: &str = "try again later: nothing is wrong with the message";
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
            "ask the sender to send it again: WhatsApp removes files after some weeks, and the phone has none either",
        ),
        DownloadError::TooLarge(_) => (Code::FailedPrecondition, "MEDIA_TOO_LARGE", LARGER),
        DownloadError::Truncated => (Code::DataLoss, "MEDIA_TRUNCATED", BAD_COPY),
        DownloadError::Corrupted => (Code::DataLoss, "MEDIA_CORRUPTED", BAD_COPY),
        DownloadError::WrongHash => (Code::DataLoss, "MEDIA_WRONG_HASH", BAD_COPY),
        DownloadError::TooSlow => (
            Code::DeadlineExceeded,
            "TOO_SLOW",
            "read faster, or to a disk first: a download that is not read blocks others",
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
