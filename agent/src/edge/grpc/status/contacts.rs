//! Errors of lookups, and of reading contacts and pictures.

use openclaw_state::clock;
use openclaw_whatsapp::session::{DownloadError, PictureError};
use tonic::{Code, Status};

use super::sending::{Retry, with_retry};
use super::{chat, download_failed, with_info};
use crate::link::{ChatError, LookupError, PictureDenied};

const IN_A_MOMENT: &str = "call again in a moment: what was answered already is cached";

pub(in crate::edge::grpc) fn lookup(error: &LookupError) -> Status {
    let message = error.to_string();
    match error {
        LookupError::NotConnected(ChatError::ConnectionLost) => {
            let (code, reason) = (Code::Unavailable, "CONNECTION_LOST");
            with_info(code, &message, reason, IN_A_MOMENT, [])
        }
        LookupError::NotConnected(reason) => chat(reason),
        LookupError::Limit(at) => {
            let retry = Retry::at(Some(*at));
            let hint = format!(
                "call again at {}: WhatsApp restricts accounts that look up many numbers",
                clock::utc(clock::shown(*at))
            );
            let (code, reason) = (Code::ResourceExhausted, "LOOKUP_LIMIT");
            with_retry(&retry, code, &message, reason, &hint, [retry.fact()])
        }
        LookupError::Refused(refused) => {
            let number = refused.to_string();
            let (code, reason) = (Code::Unavailable, "NOT_CHECKED");
            let more = [("code", number.as_str())];
            with_info(code, &message, reason, IN_A_MOMENT, more)
        }
        LookupError::NoSuchPerson => with_info(
            Code::NotFound,
            &message,
            "NOT_ON_WHATSAPP",
            "check the number and its country code",
            [],
        ),
    }
}

pub(in crate::edge::grpc) fn picture(denied: &PictureDenied) -> Status {
    let (code, reason, hint) = match denied {
        PictureDenied::NotAsked(error) => return lookup(error),
        PictureDenied::NoPicture => (
            Code::NotFound,
            "NO_PICTURE",
            "nothing to do: people choose who may see their picture",
        ),
        PictureDenied::Busy => (
            Code::ResourceExhausted,
            "MEDIA_BUSY",
            "wait until other pictures have been read",
        ),
        PictureDenied::NotSent(PictureError::ForeignHost) => (
            Code::Unavailable,
            "FOREIGN_HOST",
            "the host was not contacted: try again later",
        ),
        PictureDenied::NotSent(PictureError::Download(error)) => return picture_failed(*error),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

/// The errors of a download have hints for files of messages, some of which do not fit a picture.
pub(in crate::edge::grpc) fn picture_failed(error: DownloadError) -> Status {
    let (code, reason, hint) = match error {
        DownloadError::Unreachable => (
            Code::Unavailable,
            "MEDIA_UNREACHABLE",
            "let the agent connect to pps.whatsapp.net:443, then try again",
        ),
        DownloadError::TooLarge(_) => (
            Code::FailedPrecondition,
            "MEDIA_TOO_LARGE",
            "read the small one (`preview`, --preview)",
        ),
        DownloadError::Corrupted => (
            Code::DataLoss,
            "MEDIA_CORRUPTED",
            "what WhatsApp's host sent is not a JPEG: try again later",
        ),
        error => return download_failed(error),
    };
    with_info(code, &error.to_string(), reason, hint, [])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn a_limit_has_the_time_to_try_again() {
        let at = clock::now() + Duration::from_secs(90);
        let details = lookup(&LookupError::Limit(at)).get_error_details();
        let delay = details.retry_info().and_then(|info| info.retry_delay);
        assert!(delay.is_some_and(|delay| (80..=90).contains(&delay.as_secs())));
        let info = details.error_info().expect("it has one");
        assert_eq!(info.reason, "LOOKUP_LIMIT");
        let retry_at: prost_types::Timestamp = info.metadata["retry_at"].parse().expect("RFC 3339");
        assert_eq!(retry_at, prost_types::Timestamp::from(at));
    }

    #[test]
    fn every_refusal_has_a_reason_and_a_hint() {
        for (error, reason) in [
            (
                LookupError::NotConnected(ChatError::ConnectionLost),
                "CONNECTION_LOST",
            ),
            (LookupError::Refused(500), "NOT_CHECKED"),
            (LookupError::NoSuchPerson, "NOT_ON_WHATSAPP"),
        ] {
            let status = lookup(&error);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.reason, reason);
            assert!(!info.metadata["hint"].is_empty(), "{reason}");
        }
    }

    #[test]
    fn every_reason_without_a_picture_has_its_own_name_and_a_hint() {
        let not_sent = |error| PictureDenied::NotSent(PictureError::Download(error));
        for (denied, reason) in [
            (LookupError::Refused(500).into(), "NOT_CHECKED"),
            (PictureDenied::NoPicture, "NO_PICTURE"),
            (PictureDenied::Busy, "MEDIA_BUSY"),
            (PictureError::ForeignHost.into(), "FOREIGN_HOST"),
            (not_sent(DownloadError::Unreachable), "MEDIA_UNREACHABLE"),
            (not_sent(DownloadError::HostError(302)), "MEDIA_HOST_ERROR"),
            (not_sent(DownloadError::Interrupted), "MEDIA_INTERRUPTED"),
            (not_sent(DownloadError::Stalled), "MEDIA_STALLED"),
            (not_sent(DownloadError::TooLarge(1)), "MEDIA_TOO_LARGE"),
            (not_sent(DownloadError::Corrupted), "MEDIA_CORRUPTED"),
            (not_sent(DownloadError::TooSlow), "TOO_SLOW"),
        ] {
            let status = picture(&denied);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.reason, reason);
            assert!(!info.metadata["hint"].is_empty(), "{reason}");
        }
    }
}
