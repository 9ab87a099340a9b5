//! Which link states raise an alert, and when. Time is an argument. No I/O.
//!
//! ```text
//!                          down for --alert-after
//!   up ──> down ──────────────────────────────────────> connection_lost ──┐
//!   ^      ^ │ up, and down again before it is stable                     │
//!   │      └─┤                                                            │
//!   │        └─ verdict ─> logged_out | replaced | banned | outdated ─────┤  once each
//!   └────────────────── connected and stable: recovered <─────────────────┘
//! ```
//!
//! An outage lasts until the link has been up for [`Rules::settle`], and is then stable: a link that comes up for two seconds
//! and drops again counts as lost throughout.
//!
//! When WhatsApp announces that it will refuse this version, that is a separate alert, in any state of the link. So are
//! the begin and the end of a restriction of the account.
//!
//! [`LinkHistory`] is durable. A restarted process continues from it: an alert is not raised twice, and an outage counts
//! from the time when the link was last known to be up.

use std::time::{Duration, SystemTime};

use openclaw_types::{Link, LinkState, Phone, Reason};
use serde::{Deserialize, Serialize};

use crate::vault::{from_millis, span_millis, to_millis};

/// Never alert earlier than this after an outage is first noticed, so that a restarted process has time to reconnect.
pub(super) const RECONNECT_TIME: Duration = Duration::from_secs(30);

/// How long the link must be up before an outage is over, if `--alert-after` is not shorter.
const MIN_SETTLE: Duration = Duration::from_secs(30);
const MAX_SETTLE: Duration = Duration::from_secs(60);

/// What an alert reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The phone removed this device.
    LoggedOut,
    /// Another process uses the same credentials.
    Replaced,
    /// The account is banned.
    Banned,
    /// WhatsApp no longer accepts this version.
    Outdated,
    /// WhatsApp has announced when it will no longer accept this version.
    Expiring,
    /// WhatsApp restricts the account: it cannot start new chats.
    Restricted,
    /// WhatsApp no longer restricts the account.
    Unrestricted,
    /// The link has been down for `--alert-after`.
    ConnectionLost,
    /// The link is up again.
    Recovered,
    /// Sent by `openclawctl alerts test`.
    Test,
}

impl AlertKind {
    /// The `type` of an alert, without `whatsapp.`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Replaced => "replaced",
            Self::Banned => "banned",
            Self::Outdated => "outdated",
            Self::Expiring => "expiring",
            Self::Restricted => "restricted",
            Self::Unrestricted => "unrestricted",
            Self::ConnectionLost => "connection_lost",
            Self::Recovered => "recovered",
            Self::Test => "test",
        }
    }

    /// `whatsapp.logged_out`.
    #[must_use]
    pub fn full_name(self) -> String {
        format!("whatsapp.{}", self.name())
    }

    const fn of(state: LinkState) -> Option<Self> {
        match state {
            LinkState::LoggedOut => Some(Self::LoggedOut),
            LinkState::Replaced => Some(Self::Replaced),
            LinkState::Banned { .. } => Some(Self::Banned),
            LinkState::Outdated => Some(Self::Outdated),
            _ => None,
        }
    }
}

/// The history of the link, as stored on the volume: fields may be added, never renamed. Times are milliseconds since
/// 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkHistory {
    /// When the link was last known to be up.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    up: Option<u64>,
    /// When the link came up, if it is up. Not stored: the next process makes its own connection.
    #[serde(skip)]
    began: Option<u64>,
    /// The current outage.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    down: Option<Down>,
    /// The problem that was reported last, if it is not resolved.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    reported: Option<Reported>,
    /// The expiry date that was reported last: WhatsApp announces it at every login.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    /// The restriction that was reported and has not ended.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    restricted: Option<Restricted>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Restricted {
    #[serde(rename = "s")]
    since: u64,
    /// The restricted account.
    #[serde(rename = "p")]
    phone: Phone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Down {
    #[serde(rename = "s")]
    since: u64,
    /// When a process first noticed the outage.
    #[serde(rename = "n")]
    noticed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reported {
    #[serde(rename = "k")]
    kind: AlertKind,
    #[serde(rename = "s")]
    since: u64,
}

/// An alert that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The problem, or the recovery from one.
    pub kind: AlertKind,
    /// When the problem began; for a recovery, when the problem that it ends began.
    pub since: SystemTime,
    /// For a recovery: the problem that it ends.
    pub trouble: Option<AlertKind>,
}

/// The state of the link, reduced to what the rules distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Up,
    /// Linked, and not connected.
    Down,
    Verdict(AlertKind),
    /// The agent is not linked, or is about to stop: no alert.
    Nothing,
}

impl Seen {
    fn of(link: &Link) -> Self {
        if let Some(kind) = AlertKind::of(link.state) {
            return Self::Verdict(kind);
        }
        match link.state {
            LinkState::Connected => Self::Up,
            // A requested stop also ends the link, and is not an outage.
            _ if link.reason == Some(Reason::Stopping) => Self::Nothing,
            LinkState::Connecting | LinkState::BackingOff { .. } if link.account.is_some() => {
                Self::Down
            }
            _ => Self::Nothing,
        }
    }
}

/// The rules, and the time limit that they depend on.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long the link may be down before an alert is raised (`--alert-after`).
    pub after: Duration,
}

impl Rules {
    /// Applies the current state of the link to `history`. Returns the alert that is due now, if any; the caller stores
    /// `history` with it.
    pub fn on(self, history: &mut LinkHistory, link: &Link, now: SystemTime) -> Option<Notice> {
        let at = to_millis(now);
        match Seen::of(link) {
            Seen::Nothing => {
                if matches!(link.state, LinkState::Unlinked | LinkState::Linking) {
                    history.down = None;
                    history.up = None;
                    history.began = None;
                }
                None
            }
            Seen::Up => {
                if history.up.is_none_or(|up| self.is_stale(up, at)) {
                    history.up = Some(at);
                }
                let began = *history.began.get_or_insert(at);
                if at.saturating_sub(began) < self.settle() {
                    return None;
                }
                history.down = None;
                history
                    .reported
                    .take()
                    .map(|Reported { kind, since }| Notice {
                        kind: AlertKind::Recovered,
                        since: from_millis(since),
                        trouble: Some(kind),
                    })
            }
            Seen::Verdict(kind) => {
                history.down = None;
                history.began = None;
                history.report(kind, to_millis(link.since))
            }
            Seen::Down => {
                let up = history.up.unwrap_or(at);
                // The link was stable before it dropped, but `on` was not called at that time.
                if let Some(began) = history.began.take()
                    && up.saturating_sub(began) >= self.settle()
                {
                    history.down = None;
                }
                let down = history.down.get_or_insert(Down {
                    since: up,
                    noticed: at,
                });
                // The clock was set back: an outage does not begin in the future.
                down.since = down.since.min(at);
                down.noticed = down.noticed.min(at);
                let Down { since, noticed } = *down;
                if at < self.due(since, noticed) {
                    return None;
                }
                history.report(AlertKind::ConnectionLost, since)
            }
        }
    }

    /// Returns the alert for an expiry date that WhatsApp has announced, once for each date. It is not an outage, so no
    /// recovery follows.
    #[must_use]
    pub fn on_announcement(
        history: &mut LinkHistory,
        link: &Link,
        now: SystemTime,
    ) -> Option<Notice> {
        let expires_at = link.expires_at?;
        let date = Some(to_millis(expires_at));
        if history.expires_at == date || link.state == LinkState::Outdated {
            return None;
        }
        history.expires_at = date;
        Some(Notice {
            kind: AlertKind::Expiring,
            since: now,
            trouble: None,
        })
    }

    /// Returns the alert for the begin or the end of a restriction of the account, once each.
    #[must_use]
    pub fn on_restriction(history: &mut LinkHistory, link: &Link) -> Option<Notice> {
        // None also while the agent starts, and has not loaded its account yet.
        let phone = &link.account.as_ref()?.phone;
        // Another account is linked: whether the restriction of the earlier one lasts is not known.
        history.restricted.take_if(|it| it.phone != *phone);
        let (kind, since) = match (&link.restriction, &history.restricted) {
            (Some(restriction), None) => {
                history.restricted = Some(Restricted {
                    since: to_millis(restriction.since),
                    phone: phone.clone(),
                });
                (AlertKind::Restricted, restriction.since)
            }
            (None, Some(Restricted { since, .. })) => {
                let since = from_millis(*since);
                history.restricted = None;
                (AlertKind::Unrestricted, since)
            }
            _ => return None,
        };
        Some(Notice {
            kind,
            since,
            trouble: None,
        })
    }

    /// When to call [`Rules::on`] again if the link does not change.
    #[must_use]
    pub fn wake_at(self, history: &LinkHistory, link: &Link) -> Option<SystemTime> {
        match Seen::of(link) {
            Seen::Up => {
                let known = history.up.map(|up| up.saturating_add(self.resolution()));
                let is_over = history.down.is_none() && history.reported.is_none();
                let began = history.began.filter(|_| !is_over);
                let settled = began.map(|began| began.saturating_add(self.settle()));
                known.into_iter().chain(settled).min().map(from_millis)
            }
            Seen::Down if history.reported.is_none() => history
                .down
                .map(|Down { since, noticed }| from_millis(self.due(since, noticed))),
            _ => None,
        }
    }

    fn due(self, since: u64, noticed: u64) -> u64 {
        let after = span_millis(self.after);
        let grace = after.min(span_millis(RECONNECT_TIME));
        since
            .saturating_add(after)
            .max(noticed.saturating_add(grace))
    }

    /// How long the link must be up before an outage is over, in milliseconds.
    fn settle(self) -> u64 {
        let settle = (self.after / 5).clamp(MIN_SETTLE, MAX_SETTLE);
        span_millis(settle.min(self.after))
    }

    /// How often `up` is stored while the link is up: after a kill, the stored time is at most this much too early.
    fn resolution(self) -> u64 {
        (span_millis(self.after) / 5).clamp(1_000, 60_000)
    }

    fn is_stale(self, up: u64, now: u64) -> bool {
        up > now || now - up >= self.resolution()
    }
}

impl LinkHistory {
    /// Records that the link just went down. Call it before [`Rules::on`] with the new state.
    pub fn left(&mut self, before: &Link, now: SystemTime) {
        if before.state == LinkState::Connected {
            self.up = Some(to_millis(now));
        }
    }

    /// Reports a problem, unless it was the last one reported. A more severe problem is reported in addition to a lost
    /// connection; a lost connection is not reported in addition to a more severe problem.
    fn report(&mut self, kind: AlertKind, since: u64) -> Option<Notice> {
        let reported = self.reported.map(|reported| reported.kind);
        if reported == Some(kind) || (reported.is_some() && kind == AlertKind::ConnectionLost) {
            return None;
        }
        self.reported = Some(Reported { kind, since });
        Some(Notice {
            kind,
            since: from_millis(since),
            trouble: None,
        })
    }
}

#[cfg(test)]
mod tests;
