//! What may be reported about alerting: to Status, to clients that list alerts, to metrics.

use std::time::{Duration, SystemTime};

use super::queue::Queue;
use super::row::{End, Row};
use crate::clock;
use crate::vault::from_millis;

/// Alerting at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// The host that alerts go to; `None` when they go nowhere.
    pub host: Option<String>,
    /// How many wait.
    pub waiting: usize,
    /// When the last one was delivered.
    pub last_delivered_at: Option<SystemTime>,
    /// Why the last attempt failed, and when, if it did.
    pub last_error: Option<(String, SystemTime)>,
    /// Since the process started.
    pub counts: Counts,
    /// Those that wait and the latest that are over, oldest first.
    pub alerts: Vec<Alert>,
}

/// Counters since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that the receiver took.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Alerts that were given up.
    pub given_up: u64,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its place among all: later ones have greater numbers, and it keeps its own.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Its type, as in its body.
    pub kind: String,
    /// When it was raised.
    pub raised_at: SystemTime,
    /// What became of it.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed; empty when it did not.
    pub error: String,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is tried next at this time.
    Waiting(SystemTime),
    /// The receiver took it.
    Delivered(SystemTime),
    /// It is not tried any more.
    GivenUp(SystemTime),
}

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The id that it was sent with.
    pub id: String,
    /// Where to.
    pub host: String,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// How long that took.
    pub took: Duration,
    /// Why it was not delivered, if it was not.
    pub error: Option<String>,
}

impl Board {
    /// How alerting is when it begins.
    #[must_use]
    pub fn of(host: &str, queue: &Queue) -> Self {
        let mut board = Self {
            host: Some(host.to_owned()),
            ..Self::default()
        };
        board.list(queue);
        board.last_delivered_at = board.alerts.iter().filter_map(Alert::delivered_at).max();
        let failed = queue
            .rows()
            .filter(|row| row.is_waiting() && row.failed_at > 0);
        let failed = failed.max_by_key(|row| row.failed_at);
        board.last_error = failed.map(|row| (row.error.clone(), time(row.failed_at)));
        board
    }

    /// Lists what is in the queue.
    pub fn list(&mut self, queue: &Queue) {
        self.waiting = queue.waiting();
        self.alerts = queue.numbered().map(Alert::from).collect();
    }

    /// The receiver took one.
    pub fn count_delivered(&mut self, now: SystemTime) {
        self.counts.delivered += 1;
        self.last_delivered_at = Some(clock::shown(now));
        self.last_error = None;
    }

    /// An attempt failed.
    pub fn count_failed(&mut self, error: &str, now: SystemTime) {
        self.counts.failed += 1;
        self.last_error = Some((error.to_owned(), clock::shown(now)));
    }

    /// So many are not tried any more.
    pub fn count_given_up(&mut self, alerts: usize) {
        self.counts.given_up += u64::try_from(alerts).unwrap_or_default();
    }
}

/// A time of the agent's, for people.
fn time(millis: u64) -> SystemTime {
    clock::shown(from_millis(millis))
}

impl Alert {
    fn delivered_at(&self) -> Option<SystemTime> {
        match self.state {
            State::Delivered(at) => Some(at),
            State::Waiting(_) | State::GivenUp(_) => None,
        }
    }
}

impl From<(u64, &Row)> for Alert {
    fn from((number, row): (u64, &Row)) -> Self {
        let state = match row.end {
            None => State::Waiting(time(row.next)),
            Some(End {
                delivered: true,
                at,
            }) => State::Delivered(time(at)),
            Some(End {
                delivered: false,
                at,
            }) => State::GivenUp(time(at)),
        };
        Self {
            number,
            id: row.id.clone(),
            kind: row.kind.full_name(),
            raised_at: from_millis(row.raised),
            state,
            attempts: row.attempts,
            error: row.error.clone(),
        }
    }
}
