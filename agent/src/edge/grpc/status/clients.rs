//! Refusals about clients.

use openclaw_state::clients::ClientDenied;
use tonic::{Code, Status};

use super::with_info;

pub(in crate::edge::grpc) fn client_denied(denied: &ClientDenied) -> Status {
    let (code, reason, hint) = match denied {
        ClientDenied::Full => (
            Code::ResourceExhausted,
            "TOO_MANY_CLIENTS",
            "revoke one that is no longer used: `openclawctl clients list`",
        ),
        ClientDenied::TooManyCodes => (
            Code::ResourceExhausted,
            "TOO_MANY_CODES",
            "use one of the open codes, or wait until they expire",
        ),
        ClientDenied::NameTaken => (
            Code::AlreadyExists,
            "NAME_TAKEN",
            "choose another name, or revoke the client that has it",
        ),
        ClientDenied::Unknown => (
            Code::NotFound,
            "NO_SUCH_CLIENT",
            "`openclawctl clients list` shows names and fingerprints",
        ),
        ClientDenied::LastAdmin => (
            Code::FailedPrecondition,
            "LAST_ADMIN",
            "enroll another admin first: `openclawctl clients invite --role admin`",
        ),
        ClientDenied::NoRandom(_) => (
            Code::Internal,
            "NO_RANDOM",
            "see the agent's log, then call again",
        ),
    };
    with_info(code, &denied.to_string(), reason, hint, [])
}

/// A code would be useless without a network listener.
pub(in crate::edge::grpc) fn no_tls() -> Status {
    with_info(
        Code::FailedPrecondition,
        "the agent does not serve the network",
        "NO_TLS",
        "start it with --listen [::]:50051 (OPENCLAW_LISTEN)",
        [],
    )
}

/// The recipient is not in the client's limit.
pub(in crate::edge::grpc) fn other_recipient() -> Status {
    with_info(
        Code::PermissionDenied,
        "this client may not send to this recipient; nothing was sent",
        "RECIPIENT",
        "`openclawctl status` shows its limit; an admin makes a code with another limit: `openclawctl clients invite --send-to known|NUMBER…`",
        [],
    )
}

/// The rules do not have this recipient.
pub(in crate::edge::grpc) fn not_allowed_to() -> Status {
    with_info(
        Code::PermissionDenied,
        "the agent may not write to this recipient; nothing was sent",
        "NOT_ALLOWED_TO",
        "`openclawctl allow list` shows whom it may write to; the operator adds recipients under allowTo in openclaw.yml, and runs `openclawctl allow reload`",
        [],
    )
}
