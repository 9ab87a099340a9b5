//! Why no older messages are fetched.

use openclaw_state::clock;
use openclaw_whatsapp::session;
use tonic::{Code, Status};

use super::sending::{Retry, with_retry};
use super::{chat, invalid, with_info};
use crate::link::{ChatError, HistoryError};

const CALL_AGAIN: &str = "call again once the agent is connected: nothing was changed";

pub(in crate::edge::grpc) fn history(error: &HistoryError) -> Status {
    let message = error.to_string();
    let (code, reason, hint) = match error {
        HistoryError::Chat(ChatError::ConnectionLost) => {
            (Code::Unavailable, "CONNECTION_LOST", CALL_AGAIN)
        }
        HistoryError::Chat(error) => return chat(error),
        HistoryError::NoTime => return invalid("sent_at", error),
        HistoryError::NoKnownMessage => (
            Code::NotFound,
            "NO_KNOWN_MESSAGE",
            "a phone is asked for what is older than a message: wait until the chat has one, or in the API name one in `before`, by its key and `sent_at`",
        ),
        HistoryError::Busy => (
            Code::ResourceExhausted,
            "HISTORY_BUSY",
            "call again when it has ended: an agent asks its phone for one chat at a time",
        ),
        HistoryError::Limit(at) => {
            let retry = Retry::at(Some(*at));
            let hint = format!(
                "call again at {}: an agent asks its phone 60 times an hour at most",
                clock::utc(clock::shown(*at))
            );
            let (code, reason) = (Code::ResourceExhausted, "HISTORY_LIMIT");
            return with_retry(&retry, code, &message, reason, &hint, [retry.fact()]);
        }
        HistoryError::Phone(error) => phone(*error),
    };
    with_info(code, &message, reason, hint, [])
}

const fn phone(error: session::HistoryError) -> (Code, &'static str, &'static str) {
    match error {
        session::HistoryError::ConnectionLost => (Code::Unavailable, "CONNECTION_LOST", CALL_AGAIN),
        session::HistoryError::PhoneSilent => (
            Code::Unavailable,
            "PHONE_SILENT",
            "switch the phone on and open WhatsApp there, then call again",
        ),
        session::HistoryError::TooLarge => (
            Code::FailedPrecondition,
            "HISTORY_TOO_LARGE",
            "call again with a smaller `count`",
        ),
        session::HistoryError::Unreadable => (
            Code::DataLoss,
            "HISTORY_UNREADABLE",
            "call again with a smaller `count`; look at the messages on the phone if that does not help",
        ),
        session::HistoryError::NotDownloaded(_) => (
            Code::Unavailable,
            "HISTORY_NOT_DOWNLOADED",
            "let the agent connect to mmg.whatsapp.net:443, then call again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_whatsapp::session::DownloadError;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::link::TargetError;

    #[test]
    fn every_refusal_has_a_reason_and_a_hint() {
        use session::HistoryError as Phone;
        for (error, reason) in [
            (
                HistoryError::Chat(ChatError::Target(TargetError::NoEvent)),
                "NO_SUCH_EVENT",
            ),
            (HistoryError::NoTime, "INVALID_ARGUMENT"),
            (HistoryError::NoKnownMessage, "NO_KNOWN_MESSAGE"),
            (HistoryError::Busy, "HISTORY_BUSY"),
            (HistoryError::Limit(clock::now()), "HISTORY_LIMIT"),
            (
                HistoryError::Phone(Phone::ConnectionLost),
                "CONNECTION_LOST",
            ),
            (HistoryError::Phone(Phone::PhoneSilent), "PHONE_SILENT"),
            (HistoryError::Phone(Phone::TooLarge), "HISTORY_TOO_LARGE"),
            (HistoryError::Phone(Phone::Unreadable), "HISTORY_UNREADABLE"),
            (
                HistoryError::Phone(Phone::NotDownloaded(DownloadError::Gone)),
                "HISTORY_NOT_DOWNLOADED",
            ),
        ] {
            let status = history(&error);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.reason, reason);
            assert!(!info.metadata["hint"].is_empty(), "{reason}");
        }
    }
}
