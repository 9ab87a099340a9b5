//! The state of the link to WhatsApp: one vocabulary for Status, events, logs, `/health` and metrics.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::stored::{lenient, maybe_time, time};
use crate::{DeviceName, Lid, Phone, Restriction};

/// The state of the link.
///
/// ```text
///             pair                 accepted           <success>
/// unlinked ─────────> linking ───────────> connecting ─────────> connected
///     ^                  │                  ^     │ lost             │ lost
///     └──────────────────┘ gave up          │     v                  v
///                                           └── backing_off <────────┘
/// any linked state ── verdict ──> logged_out | replaced | banned | outdated ── resume ──> connecting
/// ```
///
/// A pairing while an account is linked does not change the state until the new device replaces the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// No phone has linked this agent.
    Unlinked,
    /// A pairing is in progress.
    Linking,
    /// Linked; connecting or logging in.
    Connecting,
    /// Logged in on the current socket, and a frame was received within the keepalive limit.
    Connected,
    /// Linked; the next attempt starts at `until`.
    BackingOff {
        /// The number of consecutive failed attempts.
        #[serde(rename = "n")]
        attempt: u32,
        /// When the next attempt starts.
        #[serde(rename = "u", with = "time")]
        until: SystemTime,
    },
    /// The phone removed this device, or WhatsApp logged it out. [`Link::code`] is the only reason that WhatsApp gives.
    LoggedOut,
    /// Another process uses the same credentials.
    Replaced,
    /// The account is banned.
    Banned {
        /// The end of the ban, if WhatsApp reported it.
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

    /// The names of all states, for metrics with one series per state.
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

    /// Returns true if WhatsApp has ended the link, so that only the user can change the state.
    #[must_use]
    pub const fn needs_person(self) -> bool {
        matches!(
            self,
            Self::LoggedOut | Self::Replaced | Self::Banned { .. } | Self::Outdated
        )
    }

    /// What the user should do, if anything, as far as the state alone determines it: [`Link::hint`] is more precise.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Unlinked => "run `openclawctl pair` and scan the code",
            Self::LoggedOut => {
                "WhatsApp logged this device out: `openclawctl status` shows the reason"
            }
            Self::Replaced => {
                "another process uses the same credentials: stop it, then run `openclawctl resume`"
            }
            Self::Banned { .. } => {
                "WhatsApp banned this account: open WhatsApp on the phone to see why and to appeal; once it works there, run `openclawctl resume`"
            }
            Self::Outdated => {
                "WhatsApp no longer accepts this version: update openclaw-agent, which then continues automatically; `openclawctl resume` tries this version again"
            }
            Self::Linking => PAIRING,
            Self::Connecting | Self::Connected | Self::BackingOff { .. } => "",
        }
    }
}

/// The hint while a pairing is in progress, which blocks other commands on the link.
const PAIRING: &str =
    "a pairing is in progress: scan its code to finish it, or stop that `openclawctl pair`";

/// Why the link is down, as a single word. Part of the log's and the API's contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The socket was closed, or no frame was received within the keepalive limit.
    ConnectionLost,
    /// The server requested a new connection (stream error 515).
    Restart,
    /// No connection could be made.
    Unreachable,
    /// The server refused the login with this code, and may accept it later.
    Refused(u32),
    /// The phone removed this device, or WhatsApp logged it out.
    LoggedOut,
    /// Another process took over the connection.
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
    /// The name of this device on the phone, which is given at linking.
    #[serde(rename = "d", default)]
    pub device: DeviceName,
}

/// The link, as Status and events report it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The state.
    #[serde(rename = "s")]
    pub state: LinkState,
    /// When the state was entered.
    #[serde(rename = "t", with = "time")]
    pub since: SystemTime,
    /// The linked account; `None` in `unlinked`, and in `linking` until the phone has accepted.
    #[serde(rename = "a", default)]
    pub account: Option<Account>,
    /// Why the link is down; `None` while it is up or was never made.
    #[serde(rename = "r", default)]
    pub reason: Option<Reason>,
    /// The code with which WhatsApp ended the link, in a state that needs the user. `None` if WhatsApp sent none, as
    /// when the phone removed this device.
    #[serde(
        rename = "c",
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub code: Option<u32>,
    /// When WhatsApp will stop accepting this version of the client, if it has announced that. By WhatsApp's clock.
    #[serde(
        rename = "x",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<SystemTime>,
    /// The restriction of the account, if there is one.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<Restriction>,
}

/// WhatsApp no longer knows the device.
const UNAUTHORIZED: u32 = 401;

impl Link {
    /// Returns true if the credentials are known to be useless, so that only a new pairing helps.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state == LinkState::LoggedOut && matches!(self.code, None | Some(UNAUTHORIZED))
    }

    /// What the user should do, if anything. Claims no more about the cause than WhatsApp reported. `utc` formats a
    /// time.
    #[must_use]
    pub fn hint(&self, now: SystemTime, utc: impl Fn(SystemTime) -> String) -> String {
        let code = self.code.map(|code| format!(" (code {code})"));
        let code = code.unwrap_or_default();
        match self.state {
            LinkState::LoggedOut => match self.code {
                None => "the phone removed this device: run `openclawctl pair` to link it again"
                    .to_owned(),
                Some(UNAUTHORIZED) => format!(
                    "WhatsApp no longer knows this device{code}: run `openclawctl pair` to link it again"
                ),
                Some(_) => format!(
                    "WhatsApp logged this device out without a reason{code}: run `openclawctl resume` to try once more, and `openclawctl pair` if that is refused too"
                ),
            },
            LinkState::Banned { until: Some(until) } if until <= now => format!(
                "WhatsApp banned this account{code} until {}, which is over: run `openclawctl resume` to take the link back",
                utc(until)
            ),
            LinkState::Banned { until: Some(until) } => format!(
                "WhatsApp banned this account{code} until {}: open WhatsApp on the phone to see why; after that time run `openclawctl resume`",
                utc(until)
            ),
            LinkState::Banned { until: None } => format!(
                "WhatsApp banned or locked this account{code}: open WhatsApp on the phone to see why and to appeal; once it works there, run `openclawctl resume`"
            ),
            LinkState::Connecting | LinkState::Connected | LinkState::BackingOff { .. } => {
                self.expiry_hint(utc)
            }
            state => state.hint().to_owned(),
        }
    }

    /// What to do before WhatsApp stops accepting this version; empty if it has not announced that. `utc` formats a
    /// time.
    #[must_use]
    pub fn expiry_hint(&self, utc: impl Fn(SystemTime) -> String) -> String {
        let hint = |at| {
            format!(
                "WhatsApp stops accepting this version at {}: update openclaw-agent before then",
                utc(at)
            )
        };
        self.expires_at.map(hint).unwrap_or_default()
    }
}

impl Link {
    /// The same link with the agent's timestamps mapped by `shown`. The times of the account and of WhatsApp's
    /// announcement are wall-clock times already.
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
        let restriction = self.restriction.map(|restriction| Restriction {
            since: shown(restriction.since),
            until: restriction.until.map(&shown),
            ..restriction
        });
        Self {
            state,
            since: shown(self.since),
            restriction,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use ciborium::cbor;

    use super::*;

    fn hint(state: LinkState, code: Option<u32>) -> String {
        let link = Link {
            state,
            since: SystemTime::UNIX_EPOCH,
            account: None,
            reason: None,
            code,
            expires_at: None,
            restriction: None,
        };
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(100);
        link.hint(now, |at| {
            let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            format!("second {}", since.as_secs())
        })
    }

    #[test]
    fn a_stored_code_that_is_null_is_read_as_none() {
        for (code, read) in [(-1, None), (402, Some(402)), (i64::MAX, None)] {
            let row = cbor!({"s" => "connected", "t" => 7, "c" => code}).unwrap();
            let link: Link = row.deserialized().unwrap();
            assert_eq!((link.state, link.code), (LinkState::Connected, read));
        }
    }

    #[test]
    fn an_announced_expiry_is_the_hint_while_the_link_works() {
        let link = |state| Link {
            state,
            since: SystemTime::UNIX_EPOCH,
            account: None,
            reason: None,
            code: None,
            expires_at: Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(7)),
            restriction: None,
        };
        let hint = |state| link(state).hint(SystemTime::UNIX_EPOCH, |_| "noon".to_owned());
        let next =
            "WhatsApp stops accepting this version at noon: update openclaw-agent before then";
        assert_eq!(hint(LinkState::Connected), next);
        assert_eq!(hint(LinkState::Connecting), next);
        assert_eq!(hint(LinkState::Replaced), LinkState::Replaced.hint());
    }

    #[test]
    fn a_reason_has_only_what_whatsapp_reported() {
        let removed = "the phone removed this device";
        assert!(hint(LinkState::LoggedOut, None).contains(removed));
        for code in [401, 406, 516] {
            let hint = hint(LinkState::LoggedOut, Some(code));
            assert!(!hint.contains("phone"), "{hint}");
            assert!(hint.contains(&code.to_string()), "{hint}");
        }
        let locked = hint(LinkState::Banned { until: None }, Some(403));
        assert!(locked.contains("(code 403)"), "{locked}");
    }

    #[test]
    fn the_hint_is_resume_where_the_credentials_may_be_valid() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        let resume = "`openclawctl resume`";
        for (state, code) in [
            (LinkState::Replaced, None),
            (LinkState::Outdated, Some(405)),
            (LinkState::Banned { until: None }, Some(402)),
            (LinkState::Banned { until: at(99) }, Some(402)),
            (LinkState::Banned { until: at(101) }, Some(402)),
            (LinkState::LoggedOut, Some(406)),
        ] {
            assert!(hint(state, code).contains(resume), "{}", state.name());
        }
        for code in [None, Some(401)] {
            assert!(!hint(LinkState::LoggedOut, code).contains(resume));
        }
        let over = hint(LinkState::Banned { until: at(100) }, None);
        assert!(over.contains("second 100, which is over"), "{over}");
        let lasts = hint(LinkState::Banned { until: at(101) }, None);
        assert!(lasts.contains("until second 101:"), "{lasts}");
    }

    #[test]
    fn every_state_that_needs_a_person_has_a_hint() {
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
    fn no_hint_names_a_command_that_a_pairing_in_progress_refuses() {
        let hint = hint(LinkState::Linking, None);
        assert_eq!(hint, PAIRING);
        for refused in ["resume", "unpair", "run `openclawctl pair`"] {
            assert!(!hint.contains(refused), "{hint}");
        }
    }

    #[test]
    fn only_connected_is_healthy() {
        assert!(
            LinkState::NAMES
                .iter()
                .all(|name| !name.contains("healthy") && !name.contains("ok"))
        );
    }
}
