//! The state of the link to WhatsApp: one vocabulary for Status, events, logs, `/health`, metrics.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::contact::Lid;
use super::phone::Phone;
use super::stored::{maybe_time, time};

/// Where the link is.
///
/// ```text
///             pair                 accepted           <success>
/// unlinked ─────────> linking ───────────> connecting ─────────> connected
///     ^                  │                  ^     │ lost             │ lost
///     └──────────────────┘ gave up          │     v                  v
///                                           └── backing_off <────────┘
/// any linked state ── verdict ──> logged_out | replaced | banned | outdated ── pair ──> linking
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// No phone has linked this agent.
    Unlinked,
    /// A pairing is in progress.
    Linking,
    /// Linked, and dialling or logging in.
    Connecting,
    /// Logged in on this very socket, and heard from within the keepalive limit.
    Connected,
    /// Linked; the next attempt starts at `until`.
    BackingOff {
        /// Attempts that have failed in a row.
        #[serde(rename = "n")]
        attempt: u32,
        /// When the next one starts.
        #[serde(rename = "u", with = "time")]
        until: SystemTime,
    },
    /// The phone removed this device.
    LoggedOut,
    /// Another process uses the same credentials.
    Replaced,
    /// The account is banned.
    Banned {
        /// Until when, if WhatsApp said so.
        #[serde(rename = "u", with = "maybe_time", default)]
        until: Option<SystemTime>,
    },
    /// WhatsApp no longer accepts this version of the client.
    Outdated,
}

impl LinkState {
    /// The state's name, as in Status, logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unlinked => "unlinked",
            Self::Linking => "linking",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::BackingOff { .. } => "backing_off",
            Self::LoggedOut => "logged_out",
            Self::Replaced => "replaced",
            Self::Banned { .. } => "banned",
            Self::Outdated => "outdated",
        }
    }

    /// All names, for metrics that show one series for each.
    pub const NAMES: [&'static str; 9] = [
        "unlinked",
        "linking",
        "connecting",
        "connected",
        "backing_off",
        "logged_out",
        "replaced",
        "banned",
        "outdated",
    ];

    /// Whether the credentials are dead: only a person can change this state.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        matches!(
            self,
            Self::LoggedOut | Self::Replaced | Self::Banned { .. } | Self::Outdated
        )
    }

    /// What a person should do, when anything.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Unlinked => "run `openclawctl pair` and scan the code",
            Self::LoggedOut => {
                "the phone removed this device: run `openclawctl pair` to link it again"
            }
            Self::Replaced => {
                "another process uses the same credentials: stop it, then run `openclawctl pair`"
            }
            Self::Banned { .. } => {
                "WhatsApp banned this account: open WhatsApp on the phone to see why and to appeal"
            }
            Self::Outdated => "WhatsApp no longer accepts this version: update openclaw-agent",
            Self::Linking | Self::Connecting | Self::Connected | Self::BackingOff { .. } => "",
        }
    }
}

/// Why the link is down, in one word. Part of the log's and the API's contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The socket ended, or nothing came over it within the keepalive limit.
    ConnectionLost,
    /// The server asked for a new connection (stream error 515).
    Restart,
    /// No connection could be made.
    Unreachable,
    /// The server refused the login with this code, and may accept it later.
    Refused(i32),
    /// The phone removed this device.
    LoggedOut,
    /// Another process took the connection over.
    Replaced,
    /// The account is banned.
    Banned,
    /// The client version is no longer accepted.
    Outdated,
    /// An operator unlinked the agent.
    Unpaired,
    /// The agent is stopping.
    Stopping,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionLost => f.write_str("connection_lost"),
            Self::Restart => f.write_str("restart"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Refused(code) => write!(f, "refused_{code}"),
            Self::LoggedOut => f.write_str("logged_out"),
            Self::Replaced => f.write_str("replaced"),
            Self::Banned => f.write_str("banned"),
            Self::Outdated => f.write_str("outdated"),
            Self::Unpaired => f.write_str("unpaired"),
            Self::Stopping => f.write_str("stopping"),
        }
    }
}

/// The account that the agent is linked to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    #[serde(rename = "p")]
    pub phone: Phone,
    /// Its LID, once known.
    #[serde(rename = "l", default)]
    pub lid: Option<Lid>,
    /// When the phone linked this agent.
    #[serde(rename = "t", with = "time")]
    pub linked_at: SystemTime,
}

/// The link, as Status and events tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The state.
    #[serde(rename = "s")]
    pub state: LinkState,
    /// When it was entered.
    #[serde(rename = "t", with = "time")]
    pub since: SystemTime,
    /// Who is linked; `None` in `unlinked` and until the phone has accepted in `linking`.
    #[serde(rename = "a", default)]
    pub account: Option<Account>,
    /// Why the link is down; `None` while it is up or was never made.
    #[serde(rename = "r", default)]
    pub reason: Option<Reason>,
}

impl Link {
    /// The same link, with its own times as `shown` has them; that of the account is for people already.
    #[must_use]
    pub fn shown_by(self, shown: impl Fn(SystemTime) -> SystemTime) -> Self {
        let state = match self.state {
            LinkState::BackingOff { attempt, until } => LinkState::BackingOff {
                attempt,
                until: shown(until),
            },
            LinkState::Banned { until } => LinkState::Banned {
                until: until.map(&shown),
            },
            state => state,
        };
        Self {
            state,
            since: shown(self.since),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_that_needs_a_person_says_what_to_do() {
        for state in [
            LinkState::LoggedOut,
            LinkState::Replaced,
            LinkState::Banned { until: None },
            LinkState::Outdated,
            LinkState::Unlinked,
        ] {
            assert!(!state.hint().is_empty(), "{}", state.name());
        }
    }

    #[test]
    fn no_state_but_connected_reads_as_healthy() {
        assert!(
            LinkState::NAMES
                .iter()
                .all(|name| !name.contains("healthy") && !name.contains("ok"))
        );
    }
}
