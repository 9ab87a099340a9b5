//! Where the agent is. Plain text leaves this machine under no circumstances: TLS is not there yet.

use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// Where the agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// No socket was named, and none of these exists.
    Nowhere(Vec<PathBuf>),
    /// `HOST:PORT` on this machine, in plain text.
    Loopback(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Nowhere(_) => f.write_str("its usual sockets"),
            Self::Loopback(host) => f.write_str(host),
        }
    }
}

/// The environment, as far as it says where the agent is.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    agent: Option<String>,
    socket: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
}

impl Environment {
    /// That of this process. An empty variable is none.
    pub(crate) fn read() -> Self {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            agent: var("OPENCLAW_AGENT").map(|value| value.to_string_lossy().into_owned()),
            socket: var("OPENCLAW_SOCKET").map(PathBuf::from),
            runtime_dir: var("XDG_RUNTIME_DIR").map(PathBuf::from),
        }
    }
}

/// The flag, else `OPENCLAW_AGENT`, else a socket. A wrong flag is usage, a wrong variable is
/// configuration.
pub(crate) fn resolve(flag: Option<&str>, env: &Environment) -> Result<Address, Failure> {
    if let Some(given) = flag {
        return parse(given, "--agent").map_err(|failure| failure.with_exit(Exit::Usage));
    }
    if let Some(given) = &env.agent {
        return parse(given, "OPENCLAW_AGENT")
            .map_err(|failure| failure.with_exit(Exit::Configuration));
    }
    // A named socket is a choice: falling through to another agent's would be a surprise.
    if let Some(path) = &env.socket {
        return Ok(Address::Unix(path.clone()));
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

/// True unless it is certain that nothing is there: what may not be looked at is tried.
fn may_exist(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

fn parse(given: &str, origin: &str) -> Result<Address, Failure> {
    let wrong = || {
        Failure::new(format!("{origin}: `{given}` is no address of an agent"))
            .with_hint("give unix:PATH, an absolute path, or HOST:PORT on this machine")
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
    let authority = given.strip_prefix("http://").unwrap_or(given);
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let tls = authority.strip_prefix("https://");
    let (host, port) = tls
        .unwrap_or(authority)
        .rsplit_once(':')
        .ok_or_else(wrong)?;
    if host.is_empty() || port.parse::<u16>().map_or(true, |port| port == 0) {
        return Err(wrong());
    }
    if tls.is_some() || !is_loopback(host) {
        return Err(Failure::new(format!(
            "{origin}: `{given}` is not plain text on this machine, and TLS is not there yet"
        ))
        .with_hint(
            "forward its socket or port over SSH, then use unix:PATH or 127.0.0.1:PORT here",
        ));
    }
    Ok(Address::Loopback(authority.to_owned()))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match (bare, host.parse::<IpAddr>()) {
        (Some(v6), _) => v6.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        (None, Ok(IpAddr::V4(ip))) => ip.is_loopback(),
        // Without brackets the port of an IPv6 address cannot be told from its end.
        (None, Ok(IpAddr::V6(_))) => false,
        (None, Err(_)) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &str) -> Result<Address, Exit> {
        parse(given, "--agent").map_err(|failure| failure.exit())
    }

    #[test]
    fn every_written_form_of_a_socket_is_the_same() {
        for given in ["unix:/run/a.sock", "unix:///run/a.sock", "/run/a.sock"] {
            assert_eq!(parsed(given), Ok(Address::Unix("/run/a.sock".into())));
        }
    }

    #[test]
    fn plain_text_stays_on_this_machine() {
        for given in [
            "127.0.0.1:50051",
            "http://localhost:50051",
            "[::1]:50051",
            "http://127.9.9.9:1/",
        ] {
            assert!(matches!(parsed(given), Ok(Address::Loopback(_))), "{given}");
        }
        for given in [
            "10.0.0.1:50051",
            "example.com:443",
            "0.0.0.0:1",
            "https://127.0.0.1:1",
            "::1:50051",
            "[::]:1",
            "127.0.0.1.example.com:1",
        ] {
            assert!(parsed(given).is_err(), "{given}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for given in [
            "",
            "unix:",
            "agent",
            "127.0.0.1",
            "127.0.0.1:0",
            ":50051",
            "127.0.0.1:port",
            "127.0.0.1:70000",
        ] {
            assert!(parsed(given).is_err(), "{given}");
        }
    }

    #[test]
    fn the_flag_goes_before_the_environment() {
        let env = Environment {
            agent: Some("not an address".into()),
            socket: Some("/run/named.sock".into()),
            runtime_dir: None,
        };
        assert_eq!(
            resolve(Some("/run/flag.sock"), &env).ok(),
            Some(Address::Unix("/run/flag.sock".into()))
        );
        let refused = resolve(None, &env).map_err(|failure| failure.exit());
        assert_eq!(refused, Err(Exit::Configuration));
        let env = Environment { agent: None, ..env };
        assert_eq!(
            resolve(None, &env).ok(),
            Some(Address::Unix("/run/named.sock".into()))
        );
    }
}
