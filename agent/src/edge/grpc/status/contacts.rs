//! Errors of `Lookup`.

use openclaw_state::clock;
use tonic::{Code, Status};

use super::sending::{Retry, with_retry};
use super::{chat, with_info};
use crate::link::{ChatError, LookupError};

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
    }
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
        ] {
            let status = lookup(&error);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.reason, reason);
            assert!(!info.metadata["hint"].is_empty(), "{reason}");
        }
    }
}
