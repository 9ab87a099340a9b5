//! Errors of the passkey ceremony of a pairing.

use openclaw_whatsapp::session::PasskeyError;
use tonic::{Code, Status};

use super::{denied, with_info};
use crate::link::PasskeyDenied;

const PAIR_AGAIN: &str = "pair again and scan the new code: `openclawctl pair`";

pub(in crate::edge::grpc) fn passkey(error: &PasskeyDenied) -> Status {
    let (code, reason, hint) = match error {
        PasskeyDenied::Denied(reason) => return denied(reason),
        PasskeyDenied::NoPairing => (Code::FailedPrecondition, "NO_PAIRING", PAIR_AGAIN),
        PasskeyDenied::CodeNotShown => (
            Code::FailedPrecondition,
            "CODE_NOT_REQUESTED",
            "answer the passkey first, with `compare_code` (--compare-code)",
        ),
        PasskeyDenied::OtherCode { attempts_left: 0 } => (
            Code::InvalidArgument,
            "OTHER_CODE",
            "the pairing has ended: make sure that you scan the code of this agent, then pair again",
        ),
        PasskeyDenied::OtherCode { .. } => (
            Code::InvalidArgument,
            "OTHER_CODE",
            "type the code that the phone shows now",
        ),
        PasskeyDenied::Failed(PasskeyError::NotAsked) => (
            Code::FailedPrecondition,
            "PASSKEY_NOT_REQUESTED",
            "wait until the pairing shows a passkey challenge",
        ),
        PasskeyDenied::Failed(PasskeyError::OtherChallenge) => (
            Code::FailedPrecondition,
            "OTHER_CHALLENGE",
            "make an assertion with the request options of this pairing",
        ),
        PasskeyDenied::Failed(
            PasskeyError::Refused(_) | PasskeyError::Expired | PasskeyError::Unreadable,
        ) => (Code::FailedPrecondition, "ASSERTION_REFUSED", PAIR_AGAIN),
        PasskeyDenied::Failed(PasskeyError::Disconnected) => {
            (Code::Unavailable, "CONNECTION_LOST", PAIR_AGAIN)
        }
    };
    let refused = match error {
        PasskeyDenied::Failed(PasskeyError::Refused(code)) => code.to_string(),
        _ => String::new(),
    };
    with_info(
        code,
        &error.to_string(),
        reason,
        hint,
        [("code", refused.as_str())],
    )
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn every_refusal_has_a_reason_and_a_hint() {
        for (error, reason) in [
            (PasskeyDenied::NoPairing, "NO_PAIRING"),
            (PasskeyDenied::CodeNotShown, "CODE_NOT_REQUESTED"),
            (PasskeyDenied::OtherCode { attempts_left: 2 }, "OTHER_CODE"),
            (PasskeyError::NotAsked.into(), "PASSKEY_NOT_REQUESTED"),
            (PasskeyError::OtherChallenge.into(), "OTHER_CHALLENGE"),
            (PasskeyError::Refused(401).into(), "ASSERTION_REFUSED"),
            (PasskeyError::Disconnected.into(), "CONNECTION_LOST"),
        ] {
            let status = passkey(&error);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.reason, reason);
            assert!(!info.metadata["hint"].is_empty(), "{reason}");
        }
    }
}
