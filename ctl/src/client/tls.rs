//! What a failed TLS connection means to the operator.

use openclaw_client::Endpoint;
use openclaw_client::tls::Error;
use openclaw_trust::Fingerprint;
use openclaw_trust::tls::WrongAgent;

use crate::context::{Context, Name};
use crate::failure::{Exit, Failure};

/// The hint for getting a code.
pub(crate) const GET_A_CODE: &str = "an admin makes a code with `openclawctl clients invite`; an agent without clients writes one to its log when it starts";
/// The reason when the server accepts no enrolment.
pub(crate) const NO_ENROLMENT: &str = "NO_ENROLMENT";

/// The failure for a connection with `context`.
pub(crate) fn in_context(error: &Error, context: &Name, endpoint: &Endpoint) -> Failure {
    let enroll = format!("openclawctl enroll {endpoint} --context {context} --force");
    match error {
        Error::WrongAgent(WrongAgent { expected, found }) => {
            wrong_agent(endpoint, expected, found).with_hint(format!(
                "do not continue unless you know why: someone may intercept the connection. If the agent was set up again (its log shows its key), run `{enroll}` with a new code"
            ))
        }
        Error::Unknown => Failure::new(format!(
            "the agent at {endpoint} does not know this key: it was revoked, or the agent was set up again"
        ))
        .with_exit(Exit::Refused)
        .with_reason("KEY_UNKNOWN")
        .with_hint(format!(
            "ask an admin for a code (`openclawctl clients invite`), then `{enroll}`"
        )),
        _ => on_the_way(error, endpoint),
    }
}

/// The failure for a context that is not saved yet: the agent should know this user's key from its settings.
pub(crate) fn in_addition(error: &Error, context: &Context) -> Failure {
    let endpoint = context.endpoint();
    match error {
        Error::WrongAgent(WrongAgent { expected, found }) => Failure::new(format!(
            "the key of the server at {endpoint} is {found}, not {expected}"
        ))
        .with_exit(Exit::Refused)
        .with_reason("WRONG_AGENT")
        .with_hint("compare it with the agent's log, which you read over a way that you trust: someone may intercept the connection"),
        Error::Unknown => Failure::new(format!(
            "the agent at {endpoint} does not know the key {}",
            context.identity().fingerprint()
        ))
        .with_exit(Exit::Refused)
        .with_reason("KEY_UNKNOWN")
        .with_hint("list it in the agent's OPENCLAW_CLIENT_KEYS, as NAME:ROLE:SHA256:…, and restart the agent; or it was revoked there"),
        _ => on_the_way(error, endpoint),
    }
}

/// The failure for an enrolment.
pub(crate) fn in_enrolment(error: &Error, endpoint: &Endpoint) -> Failure {
    match error {
        Error::OtherProtocol | Error::Unknown => Failure::new(format!(
            "the server at {endpoint} accepts no enrolment: no code is valid now (this one was used, or has expired), or it is not an agent"
        ))
        .with_exit(Exit::Refused)
        .with_reason(NO_ENROLMENT)
        .with_hint(GET_A_CODE),
        _ => on_the_way(error, endpoint),
    }
}

fn on_the_way(error: &Error, endpoint: &Endpoint) -> Failure {
    let why = format!("cannot reach the agent at {endpoint}: {error}");
    let (reason, hint) = match error {
        Error::Name => (
            "NO_SUCH_HOST",
            "check the host's spelling, and that this machine is online",
        ),
        Error::Connect(_) => (
            "UNREACHABLE",
            "check that the agent runs with --listen, and that the port is the one its platform gives it",
        ),
        Error::Silent => (
            "NO_ANSWER",
            "check that the agent runs, and that no firewall is in between",
        ),
        Error::NotTls | Error::OtherProtocol => (
            "NOT_AN_AGENT",
            "the port must reach the agent's --listen as raw TCP (a TCP proxy, not HTTP)",
        ),
        Error::Closed => (
            "CLOSED",
            "see the agent's log: it may be at its connection limit, or a proxy in between closes because the agent does not run",
        ),
        _ => ("UNREACHABLE", "see the agent's log"),
    };
    Failure::unreachable(why)
        .with_reason(reason)
        .with_hint(hint)
}

fn wrong_agent(endpoint: &Endpoint, expected: &Fingerprint, found: &Fingerprint) -> Failure {
    Failure::new(format!(
        "the server at {endpoint} is not the agent that you enrolled with: its key is {found}, not {expected}"
    ))
    .with_exit(Exit::Refused)
    .with_reason("WRONG_AGENT")
}
