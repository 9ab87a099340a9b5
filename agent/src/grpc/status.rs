//! Refusals and failures as gRPC statuses, each with `google.rpc.ErrorInfo`: a reason for
//! programs, and in `metadata["hint"]` the next step for a person.

use std::collections::HashMap;

use openclaw_proto::{ERROR_DOMAIN, ERROR_HINT};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::agent::{ArchiveError, Denied, SendFailure};
use crate::consumers;
use crate::model::LinkState;

/// A request that cannot be understood.
pub(super) fn invalid(field: &str, error: &dyn std::error::Error) -> Status {
    let hint = format!("correct `{field}` and call again");
    with_info(
        Code::InvalidArgument,
        &format!("{field}: {error}"),
        "INVALID_ARGUMENT",
        &hint,
        [("field", field)],
    )
}

pub(super) fn denied(denied: &Denied) -> Status {
    let (code, reason, hint) = match denied {
        Denied::NotLinked => (
            Code::FailedPrecondition,
            "NOT_LINKED",
            "run `openclawctl pair` and scan the code",
        ),
        Denied::NotConnected(state) => (
            Code::FailedPrecondition,
            "NOT_CONNECTED",
            not_connected(*state),
        ),
        Denied::AlreadyLinked => (
            Code::FailedPrecondition,
            "ALREADY_LINKED",
            "to discard the link and make a new one: `openclawctl pair --replace`",
        ),
        Denied::AlreadyPairing => (
            Code::AlreadyExists,
            "ALREADY_PAIRING",
            "wait until it has ended, or stop the other `openclawctl pair`",
        ),
        Denied::TokenReused => (
            Code::AlreadyExists,
            "TOKEN_REUSED",
            "a token names one message: choose another token for another text or recipient",
        ),
        Denied::NotOnWhatsApp => (
            Code::NotFound,
            "NOT_ON_WHATSAPP",
            "check the number and its country code",
        ),
        Denied::Busy => (
            Code::ResourceExhausted,
            "BUSY",
            "call again in a moment with the same token",
        ),
        Denied::Stopping => (
            Code::Unavailable,
            "STOPPING",
            "call again once the agent is back",
        ),
    };
    let state = match denied {
        Denied::NotConnected(state) => state.name(),
        _ => "",
    };
    with_info(code, &denied.to_string(), reason, hint, [("state", state)])
}

fn not_connected(state: LinkState) -> &'static str {
    match state.hint() {
        "" => "the agent connects by itself: see `openclawctl status` for the next attempt",
        hint => hint,
    }
}

pub(super) fn send_failure(failure: &SendFailure) -> Status {
    let message = failure.to_string();
    match failure {
        SendFailure::Denied(reason) => denied(reason),
        SendFailure::Timeout(token) => with_info(
            Code::DeadlineExceeded,
            &message,
            "NOT_CONFIRMED",
            "the outcome is not known yet: call again with the same token to learn it",
            [("token", token.as_str())],
        ),
        SendFailure::ConnectionLost(token) => with_info(
            Code::Unavailable,
            &message,
            "CONNECTION_LOST",
            "the outcome is not known: call again with the same token once the agent is connected",
            [("token", token.as_str())],
        ),
        SendFailure::NotChecked(_) => with_info(
            Code::Unavailable,
            &message,
            "NOT_CHECKED",
            "nothing was sent: call again in a moment",
            [],
        ),
        SendFailure::Failed(why) => with_info(
            Code::Aborted,
            &message,
            "NOT_SENT",
            "it will not be sent: to try again use another token",
            [("failure", why)],
        ),
    }
}

/// A consumer's place that is not remembered.
pub(super) fn consumer(denied: &consumers::Denied) -> Status {
    let (code, reason, hint) = match denied {
        consumers::Denied::Full => (
            Code::ResourceExhausted,
            "TOO_MANY_CONSUMERS",
            "remove one that is no longer used: `openclawctl consumers remove NAME`",
        ),
        consumers::Denied::Ahead { .. } => (
            Code::InvalidArgument,
            "AHEAD",
            "acknowledge events that were received, by their seq",
        ),
        consumers::Denied::Unknown => (
            Code::NotFound,
            "NO_SUCH_CONSUMER",
            "see which there are: `openclawctl consumers list`",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

/// A backup or a restore that did not come to its end. The store is as it was.
pub(super) fn archive(error: &ArchiveError) -> Status {
    let (code, reason, hint) = match error {
        ArchiveError::Denied(Denied::AlreadyLinked) => (
            Code::FailedPrecondition,
            "ALREADY_LINKED",
            "start one with an empty volume and restore there; do not unpair for it: that ends the link in every backup of this account",
        ),
        ArchiveError::Denied(reason) => return denied(reason),
        ArchiveError::Underway => (
            Code::AlreadyExists,
            "UNDERWAY",
            "wait until it has ended, or stop it",
        ),
        ArchiveError::Gone => (
            Code::Unavailable,
            "STORE_ERASED",
            "call again once the agent is back",
        ),
        ArchiveError::WrongSecret(_) => (
            Code::InvalidArgument,
            "WRONG_SECRET",
            "a backup opens with the passphrase or key given when it was made, not with that of a volume",
        ),
        ArchiveError::NotABackup => (
            Code::InvalidArgument,
            "NOT_A_BACKUP",
            "give a file that `openclawctl backup` made",
        ),
        ArchiveError::NoAccount => (
            Code::InvalidArgument,
            "NO_ACCOUNT",
            "give a backup of an agent that was linked to a phone",
        ),
        ArchiveError::Damaged(_) => (
            Code::DataLoss,
            "BACKUP_DAMAGED",
            "nothing was changed: use another backup",
        ),
        ArchiveError::Store(_) => (
            Code::Internal,
            "STORE_FAILED",
            "see the agent's log, and whether the volume is full",
        ),
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let message = format!("{error}{}", cause.unwrap_or_default());
    with_info(code, &message, reason, hint, [])
}

/// A client that keeps others waiting.
pub(super) fn too_slow() -> Status {
    with_info(
        Code::DeadlineExceeded,
        "nothing more came",
        "TOO_SLOW",
        "nothing was changed: call again",
        [],
    )
}

pub(super) fn with_info<const N: usize>(
    code: Code,
    message: &str,
    reason: &str,
    hint: &str,
    more: [(&str, &str); N],
) -> Status {
    let more = more.into_iter().filter(|(_, value)| !value.is_empty());
    let metadata: HashMap<String, String> = more
        .chain([(ERROR_HINT, hint)])
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do_next() {
        let states = [
            LinkState::Connecting,
            LinkState::LoggedOut,
            LinkState::Outdated,
        ];
        let refusals = states.map(Denied::NotConnected).into_iter().chain([
            Denied::NotLinked,
            Denied::AlreadyLinked,
            Denied::AlreadyPairing,
            Denied::TokenReused,
            Denied::NotOnWhatsApp,
            Denied::Busy,
            Denied::Stopping,
        ]);
        for refusal in refusals {
            let status = denied(&refusal);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.domain, ERROR_DOMAIN);
            assert!(!info.metadata[ERROR_HINT].is_empty(), "{refusal:?}");
            assert!(!status.message().is_empty(), "{refusal:?}");
        }
    }
}
