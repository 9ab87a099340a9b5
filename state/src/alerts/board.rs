//! The status of alerting, for Status, for clients that list alerts, and for metrics.

use std::time::{Duration, SystemTime};

use super::queue::Queue;
use super::row::{End, Row};
use crate::clock;
use crate::vault::from_millis;

/// The status of alerting at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// The receiver's host; `None` if alerting is disabled.
    pub host: Option<String>,
    /// The number of pending alerts.
    pub waiting: usize,
    /// When the last alert was delivered.
    pub last_delivered_at: Option<SystemTime>,
    /// The error and the time of the last attempt, if it failed.
    pub last_error: Option<(String, SystemTime)>,
    /// Counters since the process started.
    pub counts: Counts,
    /// Pending alerts and the latest finished ones, oldest first.
    pub alerts: Vec<Alert>,
}

/// Counters since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that the receiver accepted.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Abandoned alerts.
    pub given_up: u64,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its position among all alerts: it increases, and never changes for one alert.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Its type, as in its body.
    pub kind: String,
    /// When it was raised.
    pub raised_at: SystemTime,
    /// The outcome.
    pub state: State,
    /// The number of attempts.
    pub attempts: u32,
    /// The error of the last attempt; empty if it did not fail.
    pub error: String,
}

/// The outcome of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Pending: the time of the next attempt.
    Waiting(SystemTime),
    /// The receiver accepted it.
    Delivered(SystemTime),
    /// Abandoned.
    GivenUp(SystemTime),
}

/// The result of a test alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Its id.
    pub id: String,
    /// The receiver.
    pub host: String,
    /// The receiver's response, if there was one.
    pub status: Option<u16>,
    /// The duration of the attempt.
    pub took: Duration,
    /// The error, if it was not delivered.
    pub error: Option<String>,
}

impl Board {
    /// The initial status.
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

    /// Copies the alerts in the queue.
    pub fn list(&mut self, queue: &Queue) {
        self.waiting = queue.waiting();
        self.alerts = queue.numbered().map(Alert::from).collect();
    }

    /// An alert was accepted by the receiver.
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

    /// This many alerts were abandoned.
    pub fn count_given_up(&mut self, alerts: usize) {
        self.counts.given_up += u64::try_from(alerts).unwrap_or_default();
    }
}

/// Converts a time of the agent's clock to the system clock, for display.
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
