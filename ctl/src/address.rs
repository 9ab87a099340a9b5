//! The agent's address. Plain text is only used on this machine: any other agent is reached through a context, which
//! pins the agent's key.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openclaw_client::Endpoint;

use crate::context::store::Store;
use crate::context::{Context, Name};
use crate::failure::{Exit, Failure};
use crate::variables::Variable;

/// The address of an agent.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// No socket was configured, and none of these exists.
    Nowhere(Vec<PathBuf>),
    /// Plain text on loopback.
    Loopback(Endpoint),
    /// TLS, with the enrolled key of a context.
    Context(Arc<Context>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Nowhere(_) => f.write_str("its usual sockets"),
            Self::Loopback(endpoint) => endpoint.fmt(f),
            Self::Context(context) => context.endpoint().fmt(f),
        }
    }
}

/// The environment variables that select an agent.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    agent: Option<String>,
    context: Option<String>,
    socket: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
}

impl Environment {
    /// Those of this process.
    pub(crate) fn read() -> Result<Self, Failure> {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
        Ok(Self {
            agent: Variable::Agent.read()?,
            context: Variable::Context.read()?,
            socket: Variable::Socket.read()?.map(PathBuf::from),
            runtime_dir: runtime_dir.map(PathBuf::from),
        })
    }

    /// The context in the variable, if it is set.
    pub(crate) fn context(&self) -> Result<Option<Name>, Failure> {
        let Some(given) = &self.context else {
            return Ok(None);
        };
        given.parse().map(Some).map_err(|bad| {
            Failure::new(format!("OPENCLAW_CONTEXT: `{given}`: {bad}"))
                .with_exit(Exit::Configuration)
                .with_hint("`openclawctl context list` shows them")
        })
    }

    /// The variable that takes precedence over the current context, if one is set.
    pub(crate) const fn goes_before_current(&self) -> Option<&'static str> {
        match self {
            Self { agent: Some(_), .. } => Some("OPENCLAW_AGENT"),
            Self {
                context: Some(_), ..
            } => Some("OPENCLAW_CONTEXT"),
            Self {
                socket: Some(_), ..
            } => Some("OPENCLAW_SOCKET"),
            _ => None,
        }
    }
}

/// The flags that select an agent.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Flags<'a> {
    /// `--agent`.
    pub(crate) agent: Option<&'a str>,
    /// `--context`.
    pub(crate) context: Option<&'a Name>,
}

/// Resolves the address from the flags, else the environment, else the current context, else a socket. An invalid flag
/// is a usage error, an invalid variable a configuration error.
pub(crate) fn resolve(
    flags: Flags<'_>,
    env: &Environment,
    store: &Store,
) -> Result<Address, Failure> {
    let configuration = |failure: Failure| failure.with_exit(Exit::Configuration);
    match (flags.agent, flags.context) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage("--agent and --context both name an agent")
                .with_hint("give only one of them"));
        }
        (Some(given), None) => return parse(given, "--agent", store),
        (None, Some(name)) => return of_context(name, store),
        (None, None) => {}
    }
    if let Some(given) = &env.agent {
        return parse(given, "OPENCLAW_AGENT", store).map_err(configuration);
    }
    if let Some(name) = env.context()? {
        return of_context(&name, store).map_err(configuration);
    }
    // A configured socket is explicit: falling back to another agent would be a surprise.
    if let Some(path) = &env.socket {
        return Ok(Address::Unix(path.clone()));
    }
    if let Some(name) = store.current()? {
        return of_context(&name, store).map_err(configuration);
    }
    let usual: Vec<PathBuf> = env
        .runtime_dir
        .iter()
        .map(|dir| dir.join("openclaw/agent.sock"))
        .chain([PathBuf::from("/run/openclaw/agent.sock")])
        .collect();
    match usual.iter().find(|path| may_exist(path)) {
        Some(path) => Ok(Address::Unix(path.clone())),
        None => Ok(Address::Nowhere(usual)),
    }
}

fn of_context(name: &Name, store: &Store) -> Result<Address, Failure> {
    Ok(Address::Context(Arc::new(store.load(name)?)))
}

/// `false` only if the socket certainly does not exist: one that cannot be inspected is tried.
fn may_exist(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

fn parse(given: &str, origin: &str, store: &Store) -> Result<Address, Failure> {
    let wrong = || {
        Failure::usage(format!("{origin}: `{given}` is not an agent's address"))
            .with_hint("give unix:PATH, an absolute path, or HOST:PORT")
    };
    if let Some(path) = given.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(wrong());
        }
        return Ok(Address::Unix(PathBuf::from(path)));
    }
    if given.starts_with('/') {
        return Ok(Address::Unix(PathBuf::from(given)));
    }
    let bare = given.strip_suffix('/').unwrap_or(given);
    if let Some(plain) = bare.strip_prefix("http://") {
        let endpoint: Endpoint = plain.parse().map_err(|_| wrong())?;
        if !endpoint.is_loopback() {
            return Err(Failure::usage(format!(
                "{origin}: `{given}` is plain text, which is allowed on this machine only"
            ))
            .with_hint(format!("over TLS: `openclawctl enroll {endpoint}`")));
        }
        return Ok(Address::Loopback(endpoint));
    }
    let tls = bare.strip_prefix("https://");
    let endpoint: Endpoint = tls.unwrap_or(bare).parse().map_err(|_| wrong())?;
    if let Some(context) = store.with_endpoint(&endpoint)? {
        return Ok(Address::Context(Arc::new(context)));
    }
    if tls.is_none() && endpoint.is_loopback() {
        return Ok(Address::Loopback(endpoint));
    }
    Err(Failure::usage(format!(
        "{origin}: this user is not enrolled with the agent at {endpoint}"
    ))
    .with_reason("NOT_ENROLLED")
    .with_hint(format!(
        "`openclawctl enroll {endpoint}` asks for the code that is in the agent's log, or that `openclawctl clients invite` makes"
    )))
}

#[cfg(test)]
mod tests;
