//! What is an alert, and when: decided from how the link is, with time as an argument. No I/O.
//!
//! ```text
//!                    down for as long as is allowed
//!   up ──> down ──────────────────────────────────────> connection_lost ──┐
//!   ^      ^ │ up, and down again before it has held                      │
//!   │      └─┤                                                            │
//!   │        └─ verdict ─> logged_out | replaced | banned | outdated ─────┤  once each
//!   └────────────────── connected, and it has held: recovered <───────────┘
//! ```
//!
//! An outage lasts until the link has held for [`Rules::settle`]: a link that comes up for two seconds and drops again is
//! bad all the time.
//!
//! An announcement that WhatsApp will refuse this version is an alert of its own, whatever state the link is in.
//!
//! [`LinkHistory`] is durable. A restart continues where the last process was: what was alerted is not alerted again, and an outage
//! has lasted since the link was last known to be up, whatever has happened since.

use std::time::{Duration, SystemTime};

use openclaw_types::{Link, LinkState, Reason};
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
    /// The link has been lost for longer than is allowed.
    ConnectionLost,
    /// The link is up again.
    Recovered,
    /// Someone wants to know whether alerts arrive.
    Test,
}

impl AlertKind {
    /// As in an alert's `type`, behind `whatsapp.`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Replaced => "replaced",
            Self::Banned => "banned",
            Self::Outdated => "outdated",
            Self::Expiring => "expiring",
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

/// What is remembered of the link. Fields may be added, never renamed: volumes hold it. Times are milliseconds since
/// 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkHistory {
    /// When the link was last known to be up.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    up: Option<u64>,
    /// Since when it is up, while it is. Of this process alone: the next one has a connection of its own.
    #[serde(skip)]
    began: Option<u64>,
    /// The outage that lasts.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    down: Option<Down>,
    /// The trouble that was reported last and is not over.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    reported: Option<Reported>,
    /// The end of this version that was reported last: WhatsApp announces it at every login.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Down {
    #[serde(rename = "s")]
    since: u64,
    /// When a process first saw it.
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
    /// What it reports.
    pub kind: AlertKind,
    /// Since when that is so; for a recovery, since when the trouble was.
    pub since: SystemTime,
    /// For a recovery: from what.
    pub trouble: Option<AlertKind>,
}

/// How the link is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Up,
    /// Linked, and not connected.
    Down,
    Verdict(AlertKind),
    /// No one has linked this agent, or it is about to stop: no news.
    Nothing,
}

impl Seen {
    fn of(link: &Link) -> Self {
        if let Some(kind) = AlertKind::of(link.state) {
            return Self::Verdict(kind);
        }
        match link.state {
            LinkState::Connected => Self::Up,
            // What a stop does to the link is no one's trouble.
            _ if link.reason == Some(Reason::Stopping) => Self::Nothing,
            LinkState::Connecting | LinkState::BackingOff { .. } if link.account.is_some() => {
                Self::Down
            }
            _ => Self::Nothing,
        }
    }
}

/// The rules: how long is long, and how often it is written down that the link is up.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long the link may be lost before that is an alert.
    pub after: Duration,
}

impl Rules {
    /// How the link is now. Returns the alert that this makes due, if any; `history` is what to remember with it.
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
                // It had held, and no one looked in time.
                if let Some(began) = history.began.take()
                    && up.saturating_sub(began) >= self.settle()
                {
                    history.down = None;
                }
                let down = history.down.get_or_insert(Down {
                    since: up,
                    noticed: at,
                });
                // The clock was put back: an outage does not begin in the future.
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

    /// The alert that an announcement of WhatsApp makes due: once for each date. It is no outage, and nothing recovers from it.
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

    /// When to look again although the link stays as it is.
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

    /// A process that is killed has been up for at most this much longer than is known.
    fn resolution(self) -> u64 {
        (span_millis(self.after) / 5).clamp(1_000, 60_000)
    }

    fn is_stale(self, up: u64, now: u64) -> bool {
        up > now || now - up >= self.resolution()
    }
}

impl LinkHistory {
    /// The link ceases to be up now. Called before [`Rules::on`] with a link that is not up any more.
    pub fn left(&mut self, before: &Link, now: SystemTime) {
        if before.state == LinkState::Connected {
            self.up = Some(to_millis(now));
        }
    }

    /// Reports a trouble, unless it is the one that was reported last: one that is worse than a lost connection is
    /// reported in addition to it, and a lost connection is not reported in addition to a worse one.
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
