//! The name of a context, which is also its file name.

use std::fmt;
use std::str::FromStr;

use openclaw_client::Endpoint;

const MAX_NAME_BYTES: usize = 64;

/// 1 to 64 letters, digits, dots, dashes and underscores; the first is a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

/// The name is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadName;

impl Name {
    /// The default name of a context for this agent: its host, and with `port` also the port, to tell apart several
    /// agents on one host.
    pub(crate) fn of_endpoint(endpoint: &Endpoint, port: bool) -> Self {
        let host = endpoint.host().replace(':', "-");
        let host = host.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let host = if host.is_empty() { "agent" } else { host };
        let port = if port {
            format!("-{}", endpoint.port())
        } else {
            String::new()
        };
        let kept = host.len().min(MAX_NAME_BYTES - port.len());
        Self(format!("{}{port}", &host[..kept]))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(given: &str) -> Result<Self, BadName> {
        let fits = (1..=MAX_NAME_BYTES).contains(&given.len());
        let starts = given.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if fits && starts && given.chars().all(is_fine) {
            Ok(Self(given.to_owned()))
        } else {
            Err(BadName)
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a name has 1 to {MAX_NAME_BYTES} letters, digits, dots, dashes and underscores, and begins with a letter or digit"
        )
    }
}

impl std::error::Error for BadName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for wrong in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "-a",
            ".a",
            "a b",
            "ä",
            &"a".repeat(65),
        ] {
            assert_eq!(wrong.parse::<Name>(), Err(BadName), "{wrong}");
        }
        for fine in ["a", "agent.example.com", "home-1_b", "1"] {
            assert_eq!(fine.parse::<Name>().unwrap().as_str(), fine);
        }
    }

    #[test]
    fn every_endpoint_has_a_name() {
        let long = format!("{}.example:65535", "a".repeat(100));
        for (endpoint, without, with) in [
            (
                "agent.example.com:443",
                "agent.example.com",
                "agent.example.com-443",
            ),
            ("[::1]:50051", "1", "1-50051"),
            ("[fd00::2]:1", "fd00--2", "fd00--2-1"),
            ("_:1", "agent", "agent-1"),
            (&long, &"a".repeat(64), &format!("{}-65535", "a".repeat(58))),
        ] {
            let endpoint = endpoint.parse().unwrap();
            for (port, expected) in [(false, without), (true, with)] {
                let name = Name::of_endpoint(&endpoint, port);
                assert_eq!(name.as_str(), expected);
                assert_eq!(name.as_str().parse(), Ok(name));
            }
        }
    }
}
