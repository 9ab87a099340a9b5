//! Alerts on their way: in order, one after the other, each until it is taken or given up. Time and chance are
//! arguments; what has changed is handed out to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use openclaw_types::Backoff;

use super::row::{End, Hold, Row};
use super::rules::AlertKind;
use crate::vault::{from_millis, span_millis, to_millis};

/// The most that wait.
pub(super) const MAX_WAITING: usize = 64;
/// How many that are over are kept to be listed.
pub(super) const MAX_FINISHED: usize = 32;
/// For how long one is tried.
pub(super) const MAX_AGE: Duration = Duration::from_secs(3 * 86_400);
/// The delays between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3_600));
/// The longest `Retry-After` of a receiver that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// Why an attempt came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For a person. Never the receiver's address.
    pub error: String,
    /// What it means for this alert and those behind it.
    pub scope: Scope,
    /// When the receiver wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// What a failure is a failure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The receiver: it is not there, or has trouble, or too much to do.
    Receiver,
    /// This alert: the receiver does not want it.
    Alert,
    /// This alert, for good.
    Final,
}

/// The queue.
#[derive(Debug, Default)]
pub struct Queue {
    rows: BTreeMap<u64, Row>,
    changed: BTreeSet<u64>,
    /// The highest number given.
    last: u64,
}

impl Queue {
    /// What was kept.
    #[must_use]
    pub fn new(rows: Vec<(u64, Row)>, now: SystemTime) -> Self {
        let mut rows: BTreeMap<u64, Row> = rows.into_iter().collect();
        let latest = to_millis(now).saturating_add(span_millis(MAX_RETRY_AFTER));
        for row in rows.values_mut() {
            // A clock that was put back must not hold anything up for good.
            row.next = row.next.min(latest);
        }
        Self {
            last: rows.keys().next_back().copied().unwrap_or(0),
            rows,
            changed: BTreeSet::new(),
        }
    }

    /// What must be written before anything of it is sent or reported.
    pub fn take_changes(&mut self) -> Vec<(u64, Option<Row>)> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|number| (number, self.rows.get(&number).cloned()))
            .collect()
    }

    /// Adds an alert. How many were given up for want of room.
    pub fn push(&mut self, row: Row, now: SystemTime) -> usize {
        let mut given_up = 0;
        while self.waiting() >= MAX_WAITING {
            given_up += self.make_room(now);
        }
        // A receiver that is not there may be there for what is new; one that asked for time is given it.
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

    /// The oldest problem that was not delivered goes together with its recovery; else the oldest alert goes.
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

    /// The alert to try now.
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

    /// When there is one to try next.
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

    /// The receiver took it.
    pub fn delivered(&mut self, number: u64, now: SystemTime) {
        if let Some(row) = self.rows.get_mut(&number) {
            row.attempts = row.attempts.saturating_add(1);
            row.error.clear();
        }
        self.end(number, true, now, None);
    }

    /// An attempt came to nothing. True when the alert is given up. `chance` is from 0 to 1.
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

    /// All of them, oldest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The same, with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Row)> {
        self.rows.iter().map(|(number, row)| (*number, row))
    }
}

/// Each shortened by up to a half.
fn delay(attempts: u32, chance: f64) -> Duration {
    let shorter = chance.clamp(0.0, 1.0) / 2.0;
    BACKOFF.after(attempts).mul_f64(1.0 - shorter)
}

#[cfg(test)]
mod tests;
