//! What an agent's answer means for a command: a result, or to try again.

use openclaw_proto::ERROR_HINT;
use openclaw_proto::v1 as pb;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The reason of an error that the agent did not write.
const LOST: &str = "UNKNOWN";

/// The outcome of one attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The command is done, successfully or not.
    Final(Result<Box<pb::SendResponse>, Refused>),
    /// The same command may succeed later, and sends no second message.
    Transient(Refused),
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Refused {
    /// The reason for programs, as in docs/sending.md.
    pub(super) reason: String,
    message: String,
    hint: String,
}

impl Refused {
    /// A command that never reaches the agent.
    pub(super) fn command(reason: &str, message: &str, hint: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
        }
    }

    /// True if the agent did not answer.
    pub(super) fn is_lost(&self) -> bool {
        self.reason == LOST
    }
}

impl Outcome {
    pub(super) fn of(answer: Result<pb::SendResponse, Status>) -> Self {
        let status = match answer {
            Ok(response) => return Self::Final(Ok(Box::new(response))),
            Err(status) => status,
        };
        let details = status.get_error_details();
        let info = details.error_info();
        let reason = info.map_or_else(|| LOST.to_owned(), |info| info.reason.clone());
        let hint = info.and_then(|info| info.metadata.get(ERROR_HINT));
        let is_transient = is_transient(status.code(), &reason);
        let refused = Refused {
            reason,
            message: status.message().to_owned(),
            hint: hint.cloned().unwrap_or_default(),
        };
        if is_transient {
            Self::Transient(refused)
        } else {
            Self::Final(Err(refused))
        }
    }
}

/// True if time alone may change the answer, or if the outcome is unknown: see `Agent.Send` in the contract. A lost connection
/// is `UNAVAILABLE` or `UNKNOWN`, without a reason.
fn is_transient(code: Code, reason: &str) -> bool {
    match code {
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
            true
        }
        Code::Unknown => reason == LOST,
        Code::FailedPrecondition => {
            matches!(reason, "NOT_CONNECTED" | "RESTRICTED" | "STORE_ROLLED_BACK")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: Code, reason: &str) -> Outcome {
        let mut details = tonic_types::ErrorDetails::new();
        if !reason.is_empty() {
            let hint = [(ERROR_HINT.to_owned(), "do that".to_owned())];
            details.set_error_info(reason, openclaw_proto::ERROR_DOMAIN, hint);
        }
        Outcome::of(Err(Status::with_error_details(code, "why", details)))
    }

    #[test]
    fn what_time_may_change_is_tried_again() {
        for (code, reason) in [
            (Code::Unavailable, ""),
            (Code::Unavailable, "CONNECTION_LOST"),
            (Code::Unknown, ""),
            (Code::DeadlineExceeded, ""),
            (Code::ResourceExhausted, "PACED"),
            (Code::FailedPrecondition, "NOT_CONNECTED"),
            (Code::FailedPrecondition, "RESTRICTED"),
        ] {
            let transient = matches!(outcome(code, reason), Outcome::Transient(_));
            assert!(transient, "{code:?} {reason}");
        }
    }

    #[test]
    fn what_stays_wrong_is_answered_with_its_reason_and_hint() {
        for (code, reason) in [
            (Code::InvalidArgument, "BAD_RECIPIENT"),
            (Code::FailedPrecondition, "NOT_LINKED"),
            (Code::FailedPrecondition, "NOT_YOUR_MESSAGE"),
            (Code::AlreadyExists, "TOKEN_USED"),
            (Code::PermissionDenied, "RECIPIENT"),
            (Code::Aborted, "NOT_SENT"),
        ] {
            let Outcome::Final(Err(refused)) = outcome(code, reason) else {
                panic!("{code:?} {reason}");
            };
            let Refused {
                reason: word,
                message,
                hint,
            } = refused;
            assert_eq!(
                (word.as_str(), message.as_str(), hint.as_str()),
                (reason, "why", "do that")
            );
        }
    }
}
