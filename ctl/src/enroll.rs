//! `enroll`: creates a key and has a remote agent accept it, with a single-use code.
//!
//! The key is saved before it is sent to the agent. If the response is lost, the next attempt sends the same key and
//! the same code, and the agent proves again that it knows the code: an attacker in between cannot claim that the key
//! was accepted.

mod code;

use std::sync::Arc;

use openclaw_client::Endpoint;
use openclaw_client::tls::connect_to_enroll;
use openclaw_proto::v1::StatusRequest;
use openclaw_trust::enroll::{AskError, Refusal, Welcome, ask};
use openclaw_trust::{Code, Identity};
use serde::Serialize;

use crate::address::{Address, Environment, Flags};
use crate::cli::EnrollArgs;
use crate::client::tls::{self, GET_A_CODE, NO_ENROLMENT};
use crate::client::{self, CALL_TIMEOUT};
use crate::context::store::Store;
use crate::context::{Agent, Context, Enrolled, Name, Pending};
use crate::failure::{Exit, Failure};
use crate::stop::Stops;
use crate::{clock, console, text};

#[derive(Serialize)]
struct Json<'a> {
    enrolled: bool,
    context: &'a str,
    endpoint: String,
    name: &'a str,
    role: &'static str,
    agent: String,
    fingerprint: String,
    current: bool,
}

/// Obtains the code, enrolls, and saves the context.
pub(crate) async fn run(
    flags: Flags<'_>,
    store: &Store,
    args: &EnrollArgs,
    json: bool,
) -> Result<Exit, Failure> {
    if flags.agent.is_some() {
        return Err(Failure::usage("`enroll` takes no --agent")
            .with_hint("write `openclawctl enroll HOST:PORT`"));
    }
    let endpoint = &args.endpoint;
    let name = choose(store, endpoint, flags.context, args.force)?;
    let client = args.name.clone().unwrap_or_else(this_machine);
    let replaced = store.find(&name).ok().flatten();
    let mut stops = Stops::listen()?;
    let code = code::obtain(args, &mut stops).await?;

    let (pending, again) = prepare(store, &name, endpoint)?;
    let asking = enroll_key(&pending, &code, &client);
    let welcome = match stops.or(stopped, asking).await {
        Ok(welcome) => welcome,
        Err(failure) => {
            let known = match failure.reason() {
                Some(LOST | STOPPED) => true,
                // No data from the agent arrived, so nothing has changed there.
                _ if failure.exit() == Exit::Unreachable => again,
                Some(NO_ENROLMENT) => again,
                _ => false,
            };
            if !known {
                store.remove_pending(&name)?;
            }
            return Err(failure);
        }
    };
    let enrolled = Enrolled {
        client,
        role: welcome.role,
        agent: Agent {
            fingerprint: welcome.agent,
            certificate: welcome.certificate,
        },
        at: clock::now(),
    };
    let context = Context::new(name.clone(), pending, enrolled);
    store.save(&context)?;
    store.remove_pending(&name)?;
    let first = store.current()?.is_none();
    if first {
        store.set_current(&name)?;
    }
    let context = checked(store, context, json).await?;
    report(store, &context, first, json)?;
    if let Some(old) = replaced.filter(|old| !json && old.agent() == context.agent()) {
        console::note(&format!(
            "note: the agent still accepts the replaced key, {}: `openclawctl clients list` shows it",
            old.identity().fingerprint()
        ));
    }
    Ok(Exit::Done)
}

/// Chooses the name of the context.
fn choose(
    store: &Store,
    endpoint: &Endpoint,
    wanted: Option<&Name>,
    force: bool,
) -> Result<Name, Failure> {
    if let Some(name) = wanted {
        return match store.find(name) {
            Ok(Some(context)) if !force => Err(Failure::usage(format!(
                "a context `{name}` exists already, for {}",
                context.endpoint()
            ))
            .with_reason("CONTEXT_EXISTS")
            .with_hint("choose another --context, or replace it with --force")),
            Err(failure) if !force => Err(failure),
            _ => Ok(name.clone()),
        };
    }
    match store.with_endpoint(endpoint) {
        Ok(Some(context)) if force => return Ok(context.name().clone()),
        Ok(Some(context)) => {
            let name = context.name();
            return Err(Failure::usage(format!(
                "you are already enrolled with {endpoint}: context `{name}`"
            ))
            .with_reason("CONTEXT_EXISTS")
            .with_hint(format!(
                "`openclawctl status --context {name}` tries it; --force replaces it, --context NAME makes a second one"
            )));
        }
        Ok(None) => {}
        Err(failure) => return Err(failure),
    }
    let taken = store.names()?;
    let candidates = [false, true].map(|port| Name::of_endpoint(endpoint, port));
    let mut free = candidates.iter().filter(|name| !taken.contains(name));
    free.next().cloned().ok_or_else(|| {
        Failure::usage(format!(
            "contexts named {} and {} exist already",
            candidates[0], candidates[1]
        ))
        .with_reason("CONTEXT_EXISTS")
        .with_hint("name this one: --context NAME")
    })
}

/// The key to enroll: that of an attempt whose response was lost (then `true`), else a new one. It is saved.
fn prepare(store: &Store, name: &Name, endpoint: &Endpoint) -> Result<(Pending, bool), Failure> {
    if let Some(pending) = store.pending(name, endpoint)? {
        return Ok((pending, true));
    }
    let identity = Identity::generate().map_err(|error| Failure::new(error.to_string()))?;
    let pending = Pending {
        endpoint: endpoint.clone(),
        identity,
    };
    store.save_pending(name, &pending)?;
    Ok((pending, false))
}

async fn enroll_key(pending: &Pending, code: &Code, client: &str) -> Result<Welcome, Failure> {
    let Pending { endpoint, identity } = pending;
    let mut stream = connect_to_enroll(endpoint, identity)
        .await
        .map_err(|error| tls::in_enrolment(&error, endpoint))?;
    let asking = ask(&mut stream, code, identity.fingerprint(), client);
    match tokio::time::timeout(CALL_TIMEOUT, asking).await {
        Ok(answer) => answer.map_err(|error| refused(endpoint, &error)),
        Err(_) => Err(lost(endpoint)),
    }
}

fn refused(endpoint: &Endpoint, error: &AskError) -> Failure {
    let (reason, exit, hint) = match error {
        AskError::Io(_) => return lost(endpoint),
        AskError::NotTheAgent => (
            "NOT_THE_AGENT",
            Exit::Refused,
            "someone may intercept the connection (without learning the code): check where the host and the port lead",
        ),
        AskError::Name(_) => ("BAD_NAME", Exit::Usage, "give another with --name"),
        AskError::Nonsense => (
            "PROTOCOL_MISMATCH",
            Exit::Failed,
            "update openclawctl, or the agent",
        ),
        AskError::Refused(refusal) => match refusal {
            Refusal::Unknown => (
                "CODE_UNKNOWN",
                Exit::Refused,
                "check that the code is this agent's and the newest; an admin makes another with `openclawctl clients invite`",
            ),
            Refusal::Used => (
                "CODE_USED",
                Exit::Refused,
                "if that was not you, have an admin look at `openclawctl clients list` and revoke unknown clients; then get a new code: `openclawctl clients invite`",
            ),
            Refusal::Expired => ("CODE_EXPIRED", Exit::Refused, GET_A_CODE),
            Refusal::Full => (
                "TOO_MANY_CLIENTS",
                Exit::Refused,
                "have an admin revoke some: `openclawctl clients list`",
            ),
            Refusal::NameTaken => (
                "NAME_TAKEN",
                Exit::Refused,
                "give another name with --name, or have an admin revoke that client; the code is still valid",
            ),
            Refusal::NotKept => ("CLIENT_NOT_STORED", Exit::Refused, "see the agent's log"),
            Refusal::Other => (
                "REFUSED",
                Exit::Refused,
                "update openclawctl: the agent is newer",
            ),
        },
    };
    Failure::new(format!("enrolment with {endpoint} failed: {error}"))
        .with_exit(exit)
        .with_reason(reason)
        .with_hint(hint)
}

const LOST: &str = "ANSWER_LOST";
const STOPPED: &str = "STOPPED";
const AGAIN: &str =
    "run the same command with the same code: it continues with the same key, enrolled or not";

fn lost(endpoint: &Endpoint) -> Failure {
    Failure::unreachable(format!(
        "the connection to {endpoint} was lost before the agent answered: it may have enrolled this key"
    ))
    .with_reason(LOST)
    .with_hint(AGAIN)
}

fn stopped() -> Failure {
    Failure::new("stopped: the agent may have enrolled this key")
        .with_reason(STOPPED)
        .with_hint(AGAIN)
}

/// Asks the agent over the new connection for this client's name: an invitation may set another than requested.
async fn checked(store: &Store, context: Context, json: bool) -> Result<Arc<Context>, Failure> {
    let context = Arc::new(context);
    let address = Address::Context(Arc::clone(&context));
    let asked = async {
        let mut agent = client::agent(&address).await?;
        client::answer(&address, agent.status(StatusRequest {})).await
    };
    match asked.await {
        Ok(status) => match status.caller.filter(|caller| !caller.name.is_empty()) {
            Some(caller) if caller.name != context.client() => {
                let context = store.load(context.name())?.called(caller.name);
                store.save(&context)?;
                Ok(Arc::new(context))
            }
            _ => Ok(context),
        },
        Err(failure) => {
            if !json {
                console::note(&format!(
                    "warning: enrolled, but the agent did not answer afterwards: {failure}"
                ));
            }
            Ok(context)
        }
    }
}

fn report(store: &Store, context: &Context, first: bool, json: bool) -> Result<(), Failure> {
    let (name, endpoint, client) = (context.name(), context.endpoint(), context.client());
    let role = context.role();
    let current = store.current()?.as_ref() == Some(name);
    if json {
        console::report_json(&Json {
            enrolled: true,
            context: name.as_str(),
            endpoint: endpoint.to_string(),
            name: client,
            role: role.name(),
            agent: context.agent().fingerprint.to_string(),
            fingerprint: context.identity().fingerprint().to_string(),
            current,
        });
        return Ok(());
    }
    let client = text::one_line(client);
    console::report(&format!(
        "Enrolled with {endpoint} as \"{client}\" ({role})\nAgent key:   {}",
        context.agent().fingerprint
    ));
    let before = Environment::read()?.goes_before_current();
    console::note(&match (first, current) {
        (true, _) => match before {
            None => format!("note: context `{name}` is current: commands go to this agent now"),
            Some(variable) => {
                format!("note: context `{name}` is current, but {variable} is set and overrides it")
            }
        },
        (false, true) => format!("note: context `{name}` is the current one"),
        (false, false) => format!(
            "hint: `openclawctl context use {name}` makes it the current one; or add --context {name}"
        ),
    });
    Ok(())
}

/// This machine's name without its domain, reduced to characters that a client name may have.
fn this_machine() -> String {
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy();
    let host = host.split('.').next().unwrap_or_default();
    let is_fine = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name: String = host.chars().filter(is_fine).take(64).collect();
    if name.is_empty() {
        "client".to_owned()
    } else {
        name
    }
}
