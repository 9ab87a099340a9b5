//! Refusals and failures as gRPC statuses, each with `google.rpc.ErrorInfo`: a reason for
//! programs, and in `metadata["hint"]` the next step for a person.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use openclaw_proto::{ERROR_DOMAIN, ERROR_HINT};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::agent::{ArchiveError, Denied, SendFailure};
use crate::allow::{self, Refused};
use crate::clock;
use crate::consumers;
use crate::model::LinkState;
use crate::outbox::CancelDenied;

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
        Denied::NotConnected(state) => return not_connected(*state, denied),
        Denied::Paced(at) => return paced(*at, denied),
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
        Denied::QueueFull(_) => (
            Code::ResourceExhausted,
            "QUEUE_FULL",
            "see `openclawctl outbox list`; the agent's --send-queue says how many may wait",
        ),
        Denied::Stopping => (
            Code::Unavailable,
            "STOPPING",
            "call again once the agent is back",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

/// Names the state and the next attempt, where there is one.
fn not_connected(state: LinkState, denied: &Denied) -> Status {
    let retry_at = match state {
        LinkState::BackingOff { until, .. } => Some(until),
        LinkState::Banned { until } => until,
        // It happens right now.
        LinkState::Connecting => Some(clock::now() + Duration::from_secs(1)),
        _ => None,
    };
    let hint = match (state.hint(), retry_at) {
        ("", Some(at)) => format!(
            "the agent connects by itself, and tries at {}: call again then, or keep the message until it can be sent (`--queue`)",
            clock::utc(at)
        ),
        (hint, _) => hint.to_owned(),
    };
    let retry = Retry::at(retry_at);
    let more = [("state", state.name()), retry.fact()];
    let code = Code::FailedPrecondition;
    with_retry(
        &retry,
        code,
        &denied.to_string(),
        "NOT_CONNECTED",
        &hint,
        more,
    )
}

fn paced(at: SystemTime, denied: &Denied) -> Status {
    let hint = format!(
        "call again at {}, or let the message wait for its turn (`--queue`); the agent's --send-rate and --send-burst are the limits",
        clock::utc(at)
    );
    let retry = Retry::at(Some(at));
    let more = [retry.fact()];
    let code = Code::ResourceExhausted;
    with_retry(&retry, code, &denied.to_string(), "PACED", &hint, more)
}

/// When to call again.
struct Retry {
    delay: Option<Duration>,
    at: String,
}

impl Retry {
    fn at(at: Option<SystemTime>) -> Self {
        Self {
            delay: at.map(clock::until),
            at: at.map_or_else(String::new, |at| {
                prost_types::Timestamp::from(at).to_string()
            }),
        }
    }

    fn fact(&self) -> (&str, &str) {
        ("retry_at", &self.at)
    }
}

/// The message is not taken back.
pub(super) fn cancel_denied(denied: CancelDenied) -> Status {
    let (code, reason, hint) = match denied {
        CancelDenied::Unknown => (
            Code::NotFound,
            "UNKNOWN_TOKEN",
            "`openclawctl outbox list` shows what waits",
        ),
        CancelDenied::NotWaiting => (
            Code::FailedPrecondition,
            "NOT_WAITING",
            "it was sent, has failed, or was never to be kept: send it again with its token to learn which",
        ),
        CancelDenied::Underway => (
            Code::FailedPrecondition,
            "UNDERWAY",
            "too late, unless WhatsApp does not take it: see `openclawctl outbox list`",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
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
        SendFailure::NotEncrypted => with_info(
            Code::Unavailable,
            &message,
            "NOT_ENCRYPTED",
            "nothing was sent: call again in a moment",
            [],
        ),
        SendFailure::Failed(why) => with_info(
            Code::Aborted,
            &message,
            "NOT_SENT",
            "it will not be sent: to try again use another token",
            [("failure", why.name())],
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

/// Somebody is not admitted, or stays so.
pub(super) fn refused(refused: &Refused) -> Status {
    let (reason, hint) = match refused {
        Refused::NoRules => (
            "NO_RULES",
            "write whom to admit into openclaw.yml, and start the agent with it (--config)",
        ),
        Refused::InFile { .. } => (
            "IN_FILE",
            "take it out there, then run `openclawctl allow reload`",
        ),
        Refused::Absent => (
            "NOT_ADDED",
            "`openclawctl allow list` shows who is admitted",
        ),
        Refused::Anyone => (
            "FILE_ONLY",
            "write \"*\" into allowFrom, then run `openclawctl allow reload`",
        ),
        Refused::EveryGroup => (
            "EVERY_GROUP",
            "to limit groups, name them under groups in the file",
        ),
        Refused::TooMany => ("TOO_MANY", "write them into the file, and remove them here"),
    };
    let code = Code::FailedPrecondition;
    with_info(code, &refused.to_string(), reason, hint, [])
}

/// The rules are those before.
pub(super) fn rules(error: &allow::Error) -> Status {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let message = format!(
        "the new rules are not in force, those before stay: {error}{}",
        cause.unwrap_or_default()
    );
    let code = Code::FailedPrecondition;
    with_info(code, &message, "RULES_NOT_READ", error.hint(), [])
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
    Status::with_error_details(code, message, details(reason, hint, more))
}

fn with_retry<const N: usize>(
    retry: &Retry,
    code: Code,
    message: &str,
    reason: &str,
    hint: &str,
    more: [(&str, &str); N],
) -> Status {
    let mut details = details(reason, hint, more);
    if retry.delay.is_some() {
        details.set_retry_info(retry.delay);
    }
    Status::with_error_details(code, message, details)
}

fn details<const N: usize>(reason: &str, hint: &str, more: [(&str, &str); N]) -> ErrorDetails {
    let more = more.into_iter().filter(|(_, value)| !value.is_empty());
    let metadata: HashMap<String, String> = more
        .chain([(ERROR_HINT, hint)])
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata)
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
            Denied::Paced(SystemTime::UNIX_EPOCH),
            Denied::QueueFull(1000),
            Denied::Stopping,
        ]);
        for refusal in refusals {
            let status = denied(&refusal);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert_eq!(info.domain, ERROR_DOMAIN);
            assert!(!info.metadata[ERROR_HINT].is_empty(), "{refusal:?}");
            assert!(!status.message().is_empty(), "{refusal:?}");
        }
        for denied in [
            CancelDenied::Unknown,
            CancelDenied::NotWaiting,
            CancelDenied::Underway,
        ] {
            let status = cancel_denied(denied);
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            assert!(!info.metadata[ERROR_HINT].is_empty(), "{denied:?}");
        }
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        let at = clock::now() + Duration::from_secs(90);
        let refusals = [
            Denied::Paced(at),
            Denied::NotConnected(LinkState::BackingOff {
                attempt: 3,
                until: at,
            }),
            Denied::NotConnected(LinkState::Banned { until: Some(at) }),
        ];
        for refusal in refusals {
            let details = denied(&refusal).get_error_details();
            let delay = details.retry_info().and_then(|info| info.retry_delay);
            assert!(delay.is_some_and(|delay| (80..=90).contains(&delay.as_secs())));
            let told = &details.error_info().expect("it has one").metadata["retry_at"];
            let told: prost_types::Timestamp = told.parse().expect("RFC 3339");
            assert_eq!(told, prost_types::Timestamp::from(at));
        }
        let dead = denied(&Denied::NotConnected(LinkState::LoggedOut));
        assert!(dead.get_details_retry_info().is_none());
    }
}
