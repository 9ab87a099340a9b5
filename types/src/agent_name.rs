//! The name of an agent.

use std::fmt;
use std::str::FromStr;

use heapless::String;

/// The maximum length of a name, in bytes.
const MAX_AGENT_NAME_BYTES: usize = 64;

/// The name of an agent. It is part of every event and status, and a token of a NATS subject.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AgentName(String<MAX_AGENT_NAME_BYTES>);

/// The text is not a valid agent name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an agent's name has 1 to {MAX_AGENT_NAME_BYTES} letters, digits, dashes and underscores")]
pub struct AgentNameError;

impl AgentName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for AgentName {
    fn default() -> Self {
        Self(String::try_from("openclaw").expect("shorter than the maximum"))
    }
}

impl FromStr for AgentName {
    type Err = AgentNameError;

    fn from_str(text: &str) -> Result<Self, AgentNameError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(AgentNameError);
        }
        String::try_from(text).map(Self).map_err(|_| AgentNameError)
    }
}

impl fmt::Debug for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_single_subject_token() {
        for good in ["a", "site-2", "B_9", &"x".repeat(MAX_AGENT_NAME_BYTES)] {
            assert_eq!(good.parse::<AgentName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            " ",
            "a.b",
            "a*",
            "a>",
            "é",
            "a\n",
            &"x".repeat(MAX_AGENT_NAME_BYTES + 1),
        ] {
            assert!(bad.parse::<AgentName>().is_err(), "{bad:?}");
        }
    }
}
