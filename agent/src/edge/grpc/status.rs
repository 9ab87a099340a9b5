//! Refusals and failures as gRPC statuses, each with `google.rpc.ErrorInfo`: a reason for programs, and in
//! `metadata["hint"]` the next step for a person.

mod chats;
mod clients;
mod contacts;
mod groups;
mod history;
mod media;
mod passkey;
mod sending;

use std::collections::HashMap;

use openclaw_proto::{ERROR_DOMAIN, ERROR_HINT};
use openclaw_state::allow::{self, EntryPlace, Refused};
use openclaw_state::consumers;
use openclaw_types::LinkState;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::alerts;
use crate::link::{ArchiveError, Denied};

pub(super) use chats::chat;
pub(super) use clients::{client_denied, no_tls, not_allowed_to, other_recipient};
pub(super) use contacts::{lookup, picture, picture_failed};
pub(super) use groups::{group, group_failure, participant};
pub(super) use history::history;
pub(super) use media::{download_denied, download_failed, upload_denied};
pub(super) use passkey::passkey;
pub(super) use sending::{cancel_denied, send_failure, target};

/// The hint for a rolled back store.
pub(super) const ROLLED_BACK: &str = "an admin decides: `openclawctl rollback renew` makes new sessions, so that no key is used twice; `openclawctl rollback accept` continues as it is, when nothing was sent since the copy was made";

/// An invalid request.
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

/// Content that the contract defines but this version cannot send.
pub(super) fn unsupported(field: &str) -> Status {
    with_info(
        Code::Unimplemented,
        &format!("{field}: this version of the agent cannot send that; nothing was sent"),
        "CONTENT_UNSUPPORTED",
        "send another kind of content, such as `content.text`, or update openclaw-agent",
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
        Denied::Linking => (
            Code::FailedPrecondition,
            "NOT_LINKED",
            LinkState::Linking.hint(),
        ),
        Denied::AlreadyLinked => (
            Code::FailedPrecondition,
            "ALREADY_LINKED",
            "to make a new link in its place: `openclawctl pair --replace`",
        ),
        Denied::AlreadyPairing => (
            Code::AlreadyExists,
            "ALREADY_PAIRING",
            "wait for the other `openclawctl pair` to end, or stop it",
        ),
        Denied::CredentialsDead => (
            Code::FailedPrecondition,
            "CREDENTIALS_REVOKED",
            "run `openclawctl pair` to link it again",
        ),
        Denied::NotHeld => (
            Code::FailedPrecondition,
            "NOT_HELD",
            "`openclawctl status` shows the agent's state",
        ),
        Denied::Stopping => (
            Code::Unavailable,
            "STOPPING",
            "call again once the agent has restarted",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

/// A consumer's cursor that is not stored.
pub(super) fn consumer(denied: &consumers::ConsumerDenied) -> Status {
    let (code, reason, hint) = match denied {
        consumers::ConsumerDenied::Full => (
            Code::ResourceExhausted,
            "TOO_MANY_CONSUMERS",
            "remove one that is no longer used: `openclawctl consumers remove NAME`",
        ),
        consumers::ConsumerDenied::Ahead { .. } => (
            Code::InvalidArgument,
            "SEQ_AHEAD_OF_HEAD",
            "acknowledge events that were received, by their seq",
        ),
        consumers::ConsumerDenied::Unknown => (
            Code::NotFound,
            "NO_SUCH_CONSUMER",
            "list them with `openclawctl consumers list`",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

/// A failed backup or restore. The store is unchanged.
pub(super) fn archive(error: &ArchiveError) -> Status {
    let (code, reason, hint) = match error {
        ArchiveError::Denied(Denied::AlreadyLinked) => (
            Code::FailedPrecondition,
            "ALREADY_LINKED",
            "start an agent with an empty volume and restore there; do not unpair this agent for it: that ends the link in every backup of the account",
        ),
        ArchiveError::Denied(reason) => return denied(reason),
        ArchiveError::Underway => (
            Code::AlreadyExists,
            "IN_PROGRESS",
            "wait until it has ended, or stop it",
        ),
        ArchiveError::Gone => (
            Code::Unavailable,
            "STORE_ERASED",
            "call again once the agent has restarted",
        ),
        ArchiveError::WrongSecret(_) => (
            Code::InvalidArgument,
            "WRONG_SECRET",
            "use the passphrase or key that the backup was made with, not the volume's",
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

/// An entry that cannot be added or removed.
pub(super) fn refused(refused: &Refused) -> Status {
    let (reason, hint) = match refused {
        Refused::NoRules => (
            "NO_RULES",
            "write the allowed people into openclaw.yml, and start the agent with it (--config)",
        ),
        Refused::InFile {
            place: EntryPlace::Environment,
            ..
        } => (
            "IN_FILE",
            "remove it from WHATSAPP_ALLOW and restart the agent: a running agent does not see a changed variable",
        ),
        Refused::InFile { .. } => (
            "IN_FILE",
            "remove it there, then run `openclawctl allow reload`",
        ),
        Refused::Absent => ("NOT_ADDED", "`openclawctl allow list` shows who is allowed"),
        Refused::Anyone => (
            "FILE_ONLY",
            "add \"*\" to allowFrom, then run `openclawctl allow reload`",
        ),
        Refused::EveryGroup => (
            "EVERY_GROUP",
            "to limit groups, list them under groups in the file",
        ),
        Refused::TooMany => ("TOO_MANY", "write them into the file, and remove them here"),
    };
    let code = Code::FailedPrecondition;
    with_info(code, &refused.to_string(), reason, hint, [])
}

/// Rules that cannot be loaded. The previous rules stay active.
pub(super) fn rules(error: &allow::Error) -> Status {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let message = format!(
        "cannot load the new rules, keeping the previous ones: {error}{}",
        cause.unwrap_or_default()
    );
    let code = Code::FailedPrecondition;
    with_info(code, &message, "RULES_NOT_READ", error.hint(), [])
}

/// A test alert that was not sent.
pub(super) fn alerts(denied: alerts::TestDenied) -> Status {
    let (code, reason, hint) = match denied {
        alerts::TestDenied::Off => (
            Code::FailedPrecondition,
            "NO_ALERTS",
            "start the agent with OPENCLAW_ALERT_URL and OPENCLAW_ALERT_SECRET set (docs/alerts.md)",
        ),
        alerts::TestDenied::Busy => (
            Code::ResourceExhausted,
            "BUSY",
            "wait until the other `openclawctl alerts test` has ended",
        ),
        alerts::TestDenied::Stopping => return self::denied(&Denied::Stopping),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

/// A client whose upload stalls and blocks others.
pub(super) fn too_slow() -> Status {
    with_info(
        Code::DeadlineExceeded,
        "the upload stalled",
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
    use std::time::SystemTime;

    use openclaw_state::outbox::{CancelDenied, Down, SubmitDenied};

    use super::*;
    use crate::link::SendFailure;

    #[test]
    fn a_reload_is_not_suggested_for_rules_of_the_environment() {
        for (place, reloads) in [
            (EntryPlace::Environment, false),
            (EntryPlace::Line(4), true),
        ] {
            let file = "openclaw.yml".to_owned();
            let status = refused(&Refused::InFile { file, place });
            let info = status.get_details_error_info().expect("has an ErrorInfo");
            let hint = &info.metadata[ERROR_HINT];
            assert_eq!(hint.contains("allow reload"), reloads, "{hint}");
            assert_eq!(hint.contains("restart the agent"), !reloads, "{hint}");
        }
    }

    #[test]
    fn every_refusal_has_a_next_step() {
        for refusal in [
            Denied::NotLinked,
            Denied::Linking,
            Denied::AlreadyLinked,
            Denied::AlreadyPairing,
            Denied::CredentialsDead,
            Denied::NotHeld,
            Denied::Stopping,
        ] {
            has_hint(&denied(&refusal));
        }
        let states = [
            LinkState::Connecting,
            LinkState::LoggedOut,
            LinkState::Outdated,
        ];
        let not_connected = states.map(|state| {
            let hint = state.hint().to_owned();
            SubmitDenied::NotConnected(Down { state, hint })
        });
        let refusals = not_connected.into_iter().chain([
            SubmitDenied::TokenReused,
            SubmitDenied::Busy,
            SubmitDenied::Paced(SystemTime::UNIX_EPOCH),
            SubmitDenied::QueueFull(1000),
            SubmitDenied::Held,
        ]);
        for refusal in refusals {
            has_hint(&send_failure(&SendFailure::Refused(refusal)));
        }
        has_hint(&send_failure(&SendFailure::NotOnWhatsApp));
        for denied in [
            CancelDenied::Unknown,
            CancelDenied::NotWaiting,
            CancelDenied::Underway,
        ] {
            has_hint(&cancel_denied(denied));
        }
    }

    fn has_hint(status: &Status) {
        let info = status.get_details_error_info().expect("has an ErrorInfo");
        assert_eq!(info.domain, ERROR_DOMAIN);
        assert!(!info.metadata[ERROR_HINT].is_empty(), "{status:?}");
        assert!(!status.message().is_empty(), "{status:?}");
    }
}
