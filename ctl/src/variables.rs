//! The client's environment variables, read with the agent's rules, and the detection of misspelt ones.

use std::ffi::OsString;

use openclaw_settings::names::unknown;
use serde::Serialize;

use crate::console;
use crate::failure::{Exit, Failure};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variable {
    /// The agent's address.
    Agent,
    /// The context.
    Context,
    /// The socket, shared with the agent.
    Socket,
    /// The enrolment code, shared with the agent.
    EnrollCode,
}

impl Variable {
    const ALL: [Self; 4] = [Self::Agent, Self::Context, Self::Socket, Self::EnrollCode];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Agent => "OPENCLAW_AGENT",
            Self::Context => "OPENCLAW_CONTEXT",
            Self::Socket => "OPENCLAW_SOCKET",
            Self::EnrollCode => "OPENCLAW_ENROLL_CODE",
        }
    }

    /// The value. An empty one counts as unset, and quotes around it are removed; an unreadable one is a configuration
    /// error.
    pub(crate) fn read(self) -> Result<Option<String>, Failure> {
        openclaw_settings::variable(self.name()).map_err(|refused| {
            Failure::new(refused.to_string())
                .with_exit(Exit::Configuration)
                .with_hint("set it to the value alone, or unset it")
        })
    }
}

#[derive(Serialize)]
struct Note<'a> {
    note: &'static str,
    variable: &'a str,
    nearest: &'a str,
}

/// Warns of variables that nearly have one of these names. Others with our prefix are accepted: the agent's own may be
/// set here too.
pub(crate) fn warn_of_near_misses(json: bool) {
    for (name, nearest) in near_misses(std::env::vars_os()) {
        if json {
            console::json_note(&Note {
                note: "unknown_variable",
                variable: &name,
                nearest: &nearest,
            });
        } else {
            console::note(&format!(
                "note: {name} is not a variable of openclawctl; did you mean {nearest}?"
            ));
        }
    }
}

fn near_misses(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (String, String)> {
    let known = Variable::ALL.map(Variable::name);
    let unknown = unknown(environment, &known).into_iter();
    unknown.filter_map(|it| Some((it.name, it.nearest?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(name: &str, value: &str) -> Option<String> {
        let environment = [(OsString::from(name), OsString::from(value))];
        near_misses(environment).next().map(|(_, nearest)| nearest)
    }

    #[test]
    fn only_near_misses_are_reported_not_variables_of_the_agent_or_kubernetes() {
        for (name, meant) in [
            ("OPENCLAW_AGNET", "OPENCLAW_AGENT"),
            ("openclaw_agent", "OPENCLAW_AGENT"),
            ("OPENCLAW_CONTXT", "OPENCLAW_CONTEXT"),
            ("OPENCLAW_SOCKETS", "OPENCLAW_SOCKET"),
            ("OPENCLAW_ENROL_CODE", "OPENCLAW_ENROLL_CODE"),
        ] {
            assert_eq!(nearest(name, "x").as_deref(), Some(meant), "{name}");
        }
        for name in [
            "OPENCLAW_AUTH_KEY",
            "OPENCLAW_AUTH_DIR",
            "OPENCLAW_CONFIG",
            "OPENCLAW_LISTEN",
            "OPENCLAW_HTTP",
            "OPENCLAW_LOG",
            "OPENCLAW_ALERT_URL",
            "OPENCLAW_METRICS",
            "WHATSAPP_ALLOW",
            "AGENT",
        ] {
            assert_eq!(nearest(name, "x"), None, "{name}");
        }
        assert_eq!(nearest("OPENCLAW_AGENT_PORT", "tcp://10.0.0.7:50051"), None);
    }
}
