//! The delivery queue of alerts: in order, one after the other, each until it is accepted or abandoned. Time and
//! randomness are arguments; changes are returned for the caller to store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use openclaw_types::Backoff;

use super::row::{End, Hold, Row};
use super::rules::AlertKind;
use crate::vault::{from_millis, span_millis, to_millis};

/// The maximum number of pending alerts.
pub(super) const MAX_WAITING: usize = 64;
/// The number of finished alerts that are kept for listing.
pub(super) const MAX_FINISHED: usize = 32;
/// How long delivery is retried.
pub(super) const MAX_AGE: Duration = Duration::from_secs(3 * 86_400);
/// The delays between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3_600));
/// The maximum `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error, for a person. Never contains the receiver's address.
    pub error: String,
    /// The consequence for this alert and later ones.
    pub scope: Scope,
    /// When the receiver accepts another attempt (`Retry-After`).
    pub retry_after: Option<Duration>,
}

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The receiver is unreachable, failing or overloaded.
    Receiver,
    /// The receiver rejected this alert.
    Alert,
    /// The receiver rejected this alert permanently.
    Final,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    rows: BTreeMap<u64, Row>,
    changed: BTreeSet<u64>,
    /// The highest number assigned.
    last: u64,
}

impl Queue {
    /// Restores the stored queue.
    #[must_use]
    pub fn new(rows: Vec<(u64, Row)>, now: SystemTime) -> Self {
        let mut rows: BTreeMap<u64, Row> = rows.into_iter().collect();
        let latest = to_millis(now).saturating_add(span_millis(MAX_RETRY_AFTER));
        for row in rows.values_mut() {
            // A clock that was set back must not block deliveries permanently.
            row.next = row.next.min(latest);
        }
        Self {
            last: rows.keys().next_back().copied().unwrap_or(0),
            rows,
            changed: BTreeSet::new(),
        }
    }

    /// The changes that must be stored before anything of them is sent or reported.
    pub fn take_changes(&mut self) -> Vec<(u64, Option<Row>)> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|number| (number, self.rows.get(&number).cloned()))
            .collect()
    }

    /// Adds an alert. Returns how many alerts were dropped because the queue was full.
    pub fn push(&mut self, row: Row, now: SystemTime) -> usize {
        let mut given_up = 0;
        while self.waiting() >= MAX_WAITING {
            given_up += self.make_room(now);
        }
        // An unreachable receiver may be reachable for a new alert; a `Retry-After` is respected.
        for (number, waiting) in &mut self.rows {
            if waiting.is_waiting() && waiting.hold == Hold::Receiver {
                waiting.next = waiting.next.min(to_millis(now));
                self.changed.insert(*number);
            }
        }
        self.last += 1;
        self.changed.insert(self.last);
        self.rows.insert(self.last, row);
        given_up
    }

    /// Drops the oldest undelivered problem together with its recovery; if there is none, the oldest alert.
    fn make_room(&mut self, now: SystemTime) -> usize {
        let waiting: Vec<u64> = self.waiting_numbers().collect();
        let pair = waiting.windows(2).find(|pair| {
            let (trouble, recovery) = (&self.rows[&pair[0]], &self.rows[&pair[1]]);
            trouble.attempts == 0
                && trouble.kind != AlertKind::Recovered
                && recovery.kind == AlertKind::Recovered
        });
        let going = pair.map_or(&waiting[..1], |pair| pair);
        for number in going {
            self.end(*number, false, now, Some("evicted by newer alerts"));
        }
        going.len()
    }

    /// The alert to attempt now.
    #[must_use]
    pub fn due(&self, now: SystemTime) -> Option<(u64, &Row)> {
        let at = to_millis(now);
        for (number, row) in self.rows.iter().filter(|(_, row)| row.is_waiting()) {
            if row.next <= at {
                return Some((*number, row));
            }
            if row.hold != Hold::None {
                return None;
            }
        }
        None
    }

    /// When the next attempt is due.
    #[must_use]
    pub fn wake_at(&self) -> Option<SystemTime> {
        let mut earliest: Option<u64> = None;
        for row in self.rows.values().filter(|row| row.is_waiting()) {
            earliest = Some(earliest.map_or(row.next, |earliest| earliest.min(row.next)));
            if row.hold != Hold::None {
                break;
            }
        }
        earliest.map(from_millis)
    }

    /// The receiver accepted the alert.
    pub fn delivered(&mut self, number: u64, now: SystemTime) {
        if let Some(row) = self.rows.get_mut(&number) {
            row.attempts = row.attempts.saturating_add(1);
            row.error.clear();
        }
        self.end(number, true, now, None);
    }

    /// An attempt failed. Returns true if the alert is abandoned. `chance` is from 0 to 1.
    pub fn failed(&mut self, number: u64, failure: &Failure, now: SystemTime, chance: f64) -> bool {
        let Some(row) = self.rows.get_mut(&number).filter(|row| row.is_waiting()) else {
            return false;
        };
        let at = to_millis(now);
        row.attempts = row.attempts.saturating_add(1);
        row.error.clone_from(&failure.error);
        row.failed_at = at;
        self.changed.insert(number);
        let last = row.begun().saturating_add(span_millis(MAX_AGE));
        if at >= last || failure.scope == Scope::Final {
            self.end(number, false, now, None);
            return true;
        }
        let wait = span_millis(delay(row.attempts, chance));
        let asked = failure
            .retry_after
            .map(|asked| span_millis(asked.min(MAX_RETRY_AFTER)));
        row.next = at
            .saturating_add(asked.map_or(wait, |asked| asked.max(wait)))
            .min(last);
        row.hold = match (failure.scope, asked) {
            (Scope::Receiver, None) => Hold::Receiver,
            (Scope::Receiver, Some(_)) => Hold::Asked,
            (Scope::Alert | Scope::Final, _) => Hold::None,
        };
        false
    }

    /// How often delivery of an alert was attempted, and when the next attempt is due.
    #[must_use]
    pub fn attempts(&self, number: u64) -> (u32, SystemTime) {
        let row = self.rows.get(&number);
        row.map_or((0, SystemTime::UNIX_EPOCH), |row| {
            (row.attempts, from_millis(row.next))
        })
    }

    fn end(&mut self, number: u64, delivered: bool, now: SystemTime, why: Option<&str>) {
        let Some(row) = self.rows.get_mut(&number) else {
            return;
        };
        row.end = Some(End {
            delivered,
            at: to_millis(now),
        });
        if let Some(why) = why {
            why.clone_into(&mut row.error);
        }
        self.changed.insert(number);
        let over: Vec<u64> = self
            .rows
            .iter()
            .filter(|(_, row)| !row.is_waiting())
            .map(|(number, _)| *number)
            .collect();
        for number in over.iter().take(over.len().saturating_sub(MAX_FINISHED)) {
            self.rows.remove(number);
            self.changed.insert(*number);
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting_numbers().count()
    }

    fn waiting_numbers(&self) -> impl Iterator<Item = u64> {
        let waiting = self.rows.iter().filter(|(_, row)| row.is_waiting());
        waiting.map(|(number, _)| *number)
    }

    /// All alerts, oldest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// All alerts with their numbers, oldest first.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Row)> {
        self.rows.iter().map(|(number, row)| (*number, row))
    }
}

/// The delay before the next attempt, shortened by up to a half.
fn delay(attempts: u32, chance: f64) -> Duration {
    let shorter = chance.clamp(0.0, 1.0) / 2.0;
    BACKOFF.after(attempts).mul_f64(1.0 - shorter)
}

#[cfg(test)]
mod tests;
