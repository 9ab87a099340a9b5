//! `HOST:PORT`: the network address of an agent. It does not identify the agent.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host and a port, normalised: lower case, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// The text is not `HOST:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEndpoint;

impl Endpoint {
    /// The host without brackets, as the resolver expects it.
    pub fn host(&self) -> &str {
        let bare = self
            .host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'));
        bare.unwrap_or(&self.host)
    }

    /// The port, never 0.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// True for a loopback address, so that traffic does not leave this machine.
    pub fn is_loopback(&self) -> bool {
        match self.host().parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }
}

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(given: &str) -> Result<Self, NoEndpoint> {
        let (host, port) = given.rsplit_once(':').ok_or(NoEndpoint)?;
        let port = port.parse().map_err(|_| NoEndpoint)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(v6) => match v6.parse::<IpAddr>() {
                Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
                _ => return Err(NoEndpoint),
            },
            // Without brackets, the end of an IPv6 address looks like a port.
            None => host.to_ascii_lowercase(),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if port == 0 || host.is_empty() || (bare.is_none() && !host.chars().all(is_name)) {
            return Err(NoEndpoint);
        }
        Ok(Self { host, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_normalised() {
        for (given, written) in [
            ("Agent.Example.com:443", "agent.example.com:443"),
            ("127.0.0.1:050051", "127.0.0.1:50051"),
            ("[0:0:0:0:0:0:0:1]:1", "[::1]:1"),
        ] {
            let endpoint: Endpoint = given.parse().unwrap();
            assert_eq!(endpoint.to_string(), written);
            assert_eq!(written.parse(), Ok(endpoint));
        }
    }

    #[test]
    fn an_endpoint_without_host_or_port_is_refused() {
        for given in [
            "",
            "agent",
            ":1",
            "agent:0",
            "agent:70000",
            "agent:",
            "::1:1",
            "[::1]",
            "[agent]:1",
            "a/b:1",
            "a b:1",
            "user@agent:1",
            "ägent:1",
        ] {
            assert_eq!(given.parse::<Endpoint>(), Err(NoEndpoint), "{given}");
        }
    }

    #[test]
    fn loopback_is_recognised_by_address_and_as_localhost() {
        for (given, is) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("LocalHost:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
            ("127.0.0.1.example.com:1", false),
        ] {
            assert_eq!(
                given.parse::<Endpoint>().unwrap().is_loopback(),
                is,
                "{given}"
            );
        }
    }
}
