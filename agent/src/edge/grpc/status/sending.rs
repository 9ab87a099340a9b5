//! Refusals of Send and its queue, and when to retry.

use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_state::outbox::{CancelDenied, Down, SubmitDenied};
use openclaw_types::{LinkState, Nack, SendReason};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::media::file_denied;
use super::{ROLLED_BACK, denied, details, not_allowed_to, with_info};
use crate::link::{SendFailure, TargetError};

/// Refused before any effect.
fn refused(denied: &SubmitDenied) -> Status {
    let message = denied.to_string();
    let (code, reason, hint) = match denied {
        SubmitDenied::NotConnected(down) => {
            let or = ", or keep the message until it can be sent (`--queue`)";
            return not_connected(down, &message, or);
        }
        SubmitDenied::Paced(at) => return paced(*at, &message),
        SubmitDenied::TokenReused => (
            Code::AlreadyExists,
            "TOKEN_REUSED",
            "a token names one message: choose another token for another content or recipient",
        ),
        SubmitDenied::Busy => (
            Code::ResourceExhausted,
            "BUSY",
            "call again in a moment with the same token",
        ),
        SubmitDenied::QueueFull(_) => (
            Code::ResourceExhausted,
            "QUEUE_FULL",
            "see `openclawctl outbox list`; the limit is the agent's --send-queue",
        ),
        SubmitDenied::Held => (Code::FailedPrecondition, "STORE_ROLLED_BACK", ROLLED_BACK),
    };
    with_info(code, &message, reason, hint, [])
}

/// The status for a link that is down: its state, and the next attempt if one is scheduled. `or` is an alternative for the
/// caller, for the hint.
pub(super) fn not_connected(down: &Down, message: &str, or: &str) -> Status {
    let Down { state, hint } = down;
    let retry_at = match *state {
        LinkState::BackingOff { until, .. } => Some(until),
        LinkState::Banned { until } => until,
        // An attempt is in progress.
        LinkState::Connecting => Some(clock::now() + Duration::from_secs(1)),
        _ => None,
    };
    let hint = match (hint.as_str(), retry_at) {
        ("", Some(at)) => format!(
            "the agent reconnects automatically, next at {}: call again then{or}",
            clock::utc(clock::shown(at))
        ),
        (hint, _) => hint.to_owned(),
    };
    let retry = Retry::at(retry_at);
    let more = [("state", state.name()), retry.fact()];
    let code = Code::FailedPrecondition;
    with_retry(&retry, code, message, "NOT_CONNECTED", &hint, more)
}

fn paced(at: SystemTime, message: &str) -> Status {
    let hint = format!(
        "call again at {}, or queue the message (`--queue`); the limits are the agent's --send-rate and --send-burst",
        clock::utc(clock::shown(at))
    );
    let retry = Retry::at(Some(at));
    let more = [retry.fact()];
    let code = Code::ResourceExhausted;
    with_retry(&retry, code, message, "PACED", &hint, more)
}

/// When to call again.
pub(super) struct Retry {
    delay: Option<Duration>,
    at: String,
}

impl Retry {
    pub(super) fn at(at: Option<SystemTime>) -> Self {
        Self {
            delay: at.map(clock::until),
            at: at.map_or_else(String::new, |at| {
                prost_types::Timestamp::from(clock::shown(at)).to_string()
            }),
        }
    }

    pub(super) fn fact(&self) -> (&str, &str) {
        ("retry_at", &self.at)
    }
}

/// A queued message that cannot be cancelled.
pub(in crate::edge::grpc) fn cancel_denied(denied: CancelDenied) -> Status {
    let (code, reason, hint) = match denied {
        CancelDenied::Unknown => (
            Code::NotFound,
            "UNKNOWN_TOKEN",
            "`openclawctl outbox list` shows the queue",
        ),
        CancelDenied::NotWaiting => (
            Code::FailedPrecondition,
            "NOT_WAITING",
            "it was sent, has failed, or was not queued: send it again with its token to see which",
        ),
        CancelDenied::Underway => (
            Code::FailedPrecondition,
            "IN_PROGRESS",
            "too late, unless WhatsApp refuses it: see `openclawctl outbox list`",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

pub(in crate::edge::grpc) fn send_failure(failure: &SendFailure) -> Status {
    let message = failure.to_string();
    match failure {
        SendFailure::Denied(reason) => denied(reason),
        SendFailure::Refused(reason) => refused(reason),
        SendFailure::Target(error) => target(*error),
        SendFailure::File(denied) => file_denied(*denied),
        SendFailure::NotUploaded => with_info(
            Code::Unavailable,
            &message,
            "NOT_UPLOADED",
            "nothing was sent, and the agent keeps the file: call again with the same token; if it persists, let the agent connect to mmg.whatsapp.net:443",
            [],
        ),
        SendFailure::FileRefused(status) => with_info(
            Code::FailedPrecondition,
            &message,
            "FILE_REFUSED",
            "nothing was sent: send a smaller file, or another format",
            [("http_status", &status.to_string())],
        ),
        SendFailure::NotOnWhatsApp => with_info(
            Code::NotFound,
            &message,
            "NOT_ON_WHATSAPP",
            "check the number and its country code",
            [],
        ),
        SendFailure::NotAllowedTo => not_allowed_to(),
        SendFailure::Timeout(token) => with_info(
            Code::DeadlineExceeded,
            &message,
            "NOT_CONFIRMED",
            "the outcome is not known yet: call again with the same token to get it",
            [("token", token.as_str())],
        ),
        SendFailure::ConnectionLost(token) => with_info(
            Code::Unavailable,
            &message,
            "CONNECTION_LOST",
            "the outcome is not known: call again with the same token once the agent is connected",
            [("token", token.as_str())],
        ),
        SendFailure::NotChecked(code) => with_info(
            Code::Unavailable,
            &message,
            "NOT_CHECKED",
            "nothing was sent: call again in a moment",
            [("code", &code.to_string())],
        ),
        SendFailure::NotEncrypted => with_info(
            Code::Unavailable,
            &message,
            "NOT_ENCRYPTED",
            "nothing was sent: call again in a moment",
            [],
        ),
        SendFailure::ServerError { nack, token } => {
            let code = nack.0.to_string();
            let more = [
                ("code", code.as_str()),
                ("meaning", nack.meaning()),
                ("token", token.as_str()),
            ];
            let code = Code::Unavailable;
            with_info(code, &message, "SERVER_ERROR", nack.hint(), more)
        }
        SendFailure::Failed {
            why,
            nack,
            again_at,
        } => not_sent(&message, why, *nack, *again_at),
    }
}

/// The message that the request refers to is unknown, or unsuitable for it. Nothing was sent.
pub(in crate::edge::grpc) fn target(error: TargetError) -> Status {
    let (code, reason, hint) = match error {
        TargetError::NoEvent => (
            Code::NotFound,
            "NO_SUCH_EVENT",
            "use the seq that `openclawctl watch --json` or `events --json` has for the message, of this agent's store",
        ),
        TargetError::EventGone => (
            Code::NotFound,
            "EVENT_GONE",
            "name the message by its chat, id and sender (`key`); how long events are kept is the agent's --journal-days",
        ),
        TargetError::NotAMessage => (
            Code::FailedPrecondition,
            "NOT_A_MESSAGE",
            "use the seq of a message, of an edit, or of the outcome of a message that was sent",
        ),
        TargetError::NotSent => (
            Code::FailedPrecondition,
            "TARGET_NOT_SENT",
            "it was never delivered: send it again first",
        ),
        TargetError::ChatUnsupported => (
            Code::FailedPrecondition,
            "CHAT_UNSUPPORTED",
            "this version sends to people and groups only, not to statuses and channels",
        ),
        TargetError::OtherChat => (
            Code::FailedPrecondition,
            "OTHER_CHAT",
            "leave `to` empty, or name the chat of the message",
        ),
        TargetError::Unknown => (
            Code::NotFound,
            "MESSAGE_UNKNOWN",
            "an edit, a vote and the results of a poll need a message that the agent has received or sent, and still keeps: check chat, id and sender",
        ),
        TargetError::NotOurs => (
            Code::FailedPrecondition,
            "NOT_YOUR_MESSAGE",
            "only own messages can be edited, or deleted for everyone; in a group an admin deletes those of others too",
        ),
        TargetError::Ours => (
            Code::FailedPrecondition,
            "OWN_MESSAGE",
            "leave it out: only messages of others are marked as read",
        ),
        TargetError::NotAText => (
            Code::FailedPrecondition,
            "NOT_A_TEXT",
            "delete the message, and send another one",
        ),
        TargetError::EditTooLate => (
            Code::FailedPrecondition,
            "EDIT_TOO_LATE",
            "WhatsApp accepts an edit for 20 minutes: send a new message, such as a reply to this one",
        ),
        TargetError::NotAPoll => (
            Code::FailedPrecondition,
            "NOT_A_POLL",
            "use the seq of the message with the poll, not of a vote",
        ),
        TargetError::NoPollKey => (
            Code::FailedPrecondition,
            "NO_POLL_KEY",
            "the poll is from before this agent was linked, or older than 90 days: vote on the phone",
        ),
        TargetError::NoSuchOption => (
            Code::FailedPrecondition,
            "NO_SUCH_OPTION",
            "write the option exactly as in the poll",
        ),
        TargetError::TooManyOptions(_) => (
            Code::FailedPrecondition,
            "TOO_MANY_OPTIONS",
            "vote again with fewer options: a vote replaces the one before",
        ),
    };
    with_info(code, &error.to_string(), reason, hint, [])
}

fn not_sent(
    message: &str,
    why: &SendReason,
    nack: Option<Nack>,
    again_at: Option<SystemTime>,
) -> Status {
    let retry = Retry::at(again_at);
    let number = nack.map_or_else(String::new, |Nack(code)| code.to_string());
    let more = [
        ("failure", why.name()),
        ("code", &number),
        ("meaning", nack.map_or("", Nack::meaning)),
        retry.fact(),
    ];
    let (code, reason, hint) = match (why, nack) {
        (SendReason::Restricted, Some(nack)) => {
            let again = again_at.map_or_else(String::new, |at| {
                format!(
                    "; the same token can be tried again from {} on",
                    clock::utc(at)
                )
            });
            let hint = format!("{}{again}", nack.hint());
            (Code::FailedPrecondition, "RESTRICTED", hint)
        }
        (SendReason::RefusedByServer, Some(nack)) => {
            let hint = format!("{}; another token sends a second message", nack.hint());
            (Code::Aborted, "NOT_SENT", hint)
        }
        _ => {
            let hint = "not sent: to try again use another token";
            (Code::Aborted, "NOT_SENT", hint.to_owned())
        }
    };
    with_retry(&retry, code, message, reason, &hint, more)
}

pub(super) fn with_retry<const N: usize>(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn not_connected(state: LinkState) -> SubmitDenied {
        let hint = state.hint().to_owned();
        SubmitDenied::NotConnected(Down { state, hint })
    }

    #[test]
    fn a_retryable_error_has_a_retry_time() {
        let at = clock::now() + Duration::from_secs(90);
        let refusals = [
            SubmitDenied::Paced(at),
            not_connected(LinkState::BackingOff {
                attempt: 3,
                until: at,
            }),
            not_connected(LinkState::Banned { until: Some(at) }),
        ];
        for refusal in refusals {
            let details = refused(&refusal).get_error_details();
            let delay = details.retry_info().and_then(|info| info.retry_delay);
            assert!(delay.is_some_and(|delay| (80..=90).contains(&delay.as_secs())));
            let retry_at = &details.error_info().expect("it has one").metadata["retry_at"];
            let retry_at: prost_types::Timestamp = retry_at.parse().expect("RFC 3339");
            assert_eq!(retry_at, prost_types::Timestamp::from(at));
        }
        let dead = refused(&not_connected(LinkState::LoggedOut));
        assert!(dead.get_details_retry_info().is_none());
    }
}
