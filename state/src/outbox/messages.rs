//! All outgoing messages that are stored: which one is next, and which ones are deleted. Pure: time is an argument.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use openclaw_types::{MessageId, Phone, Recipient, SendReason, Token};

use super::entry::{ACK_DUE, AttemptError, Entry, Stage};
use super::pace::Pace;

/// The maximum number of finished messages that are stored.
const MAX_FINISHED_MESSAGES: usize = 4096;
/// How long finished messages are stored.
const FINISHED_MESSAGE_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The maximum total size of the payloads of direct messages that are kept until their ack, in case it is an error.
const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// The messages, by position.
#[derive(Debug, Default)]
pub(super) struct Messages {
    entries: BTreeMap<u64, Entry>,
    by_token: HashMap<Token, u64>,
    by_id: HashMap<MessageId, u64>,
    /// The positions of messages that are still to be sent.
    line: BTreeSet<u64>,
}

/// The result of [`Messages::turn`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// This message is next.
    Of(u64),
    /// No message can be sent before this time; `None` if no message waits.
    Idle(Option<SystemTime>),
}

impl Messages {
    /// Adds a message at the end, or at its previous position.
    pub(super) fn insert(&mut self, mut entry: Entry) -> u64 {
        // The token of a restored message may have the position of an existing one.
        if entry.order == 0 || self.entries.contains_key(&entry.order) {
            entry.order = self.entries.last_key_value().map_or(0, |(last, _)| *last) + 1;
        }
        let order = entry.order;
        self.by_token.insert(entry.sent.token.clone(), order);
        self.by_id.insert(entry.sent.id.clone(), order);
        self.entries.insert(order, entry);
        self.settle(order);
        order
    }

    pub(super) fn remove(&mut self, order: u64) -> Option<Entry> {
        let entry = self.entries.remove(&order)?;
        self.by_token.remove(&entry.sent.token);
        self.by_id.remove(&entry.sent.id);
        self.line.remove(&order);
        Some(entry)
    }

    pub(super) fn get(&mut self, order: u64) -> Option<&mut Entry> {
        self.entries.get_mut(&order)
    }

    /// The number of messages.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All messages, oldest first. Callers must not change their positions.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.values_mut()
    }

    pub(super) fn by_token(&self, token: &Token) -> Option<u64> {
        self.by_token.get(token).copied()
    }

    pub(super) fn by_id(&self, id: &MessageId) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    /// Updates the indexes. Call it after a change of a message's stage, state or deadline.
    pub(super) fn settle(&mut self, order: u64) {
        let to_send = |entry: &Entry| {
            !entry.is_settled() && (entry.is_queued() || entry.stage != Stage::Resting)
        };
        if self.entries.get(&order).is_some_and(to_send) {
            self.line.insert(order);
        } else {
            self.line.remove(&order);
        }
    }

    /// The messages that are still to be sent or wait for their ack, oldest first.
    pub(super) fn in_line(&self) -> impl Iterator<Item = &Entry> {
        self.line.iter().filter_map(|order| self.entries.get(order))
    }

    /// The number of queued messages.
    pub(super) fn queued(&self) -> usize {
        self.in_line().filter(|entry| entry.is_queued()).count()
    }

    /// The number of direct messages that wait for their turn.
    pub(super) fn direct(&self) -> usize {
        let waits = |entry: &&Entry| !entry.is_queued() && entry.turn_at().is_some();
        self.in_line().filter(waits).count()
    }

    /// The next message while `account` is connected: the oldest that can be sent. Messages to one recipient keep
    /// their order.
    pub(super) fn turn(&self, account: &Phone, pace: &Pace, now: SystemTime) -> Turn {
        let mut soonest: Option<SystemTime> = None;
        let mut blocked: HashSet<&Recipient> = HashSet::new();
        for entry in self.in_line() {
            let Some(mut ready) = entry.turn_at() else {
                // Its file is being uploaded: later messages to the same recipient wait for it.
                if entry.is_queued() && matches!(entry.stage, Stage::Busy(_)) {
                    blocked.insert(&entry.to);
                }
                continue;
            };
            // A direct message took its tokens from the rate limit when it was submitted.
            if entry.is_queued() {
                if entry.account != *account || blocked.contains(&entry.to) {
                    continue;
                }
                if ready <= now {
                    ready = pace.ready_at(&entry.to, true, now);
                }
            }
            if ready <= now {
                return Turn::Of(entry.order);
            }
            // A message whose ack is late does not delay later ones.
            if entry.is_queued() && matches!(entry.stage, Stage::Waiting(_)) {
                blocked.insert(&entry.to);
            }
            soonest = Some(soonest.map_or(ready, |soonest| soonest.min(ready)));
        }
        Turn::Idle(soonest)
    }

    /// The next time at which [`Messages::overdue`] may return a message.
    pub(super) fn next_deadline(&self) -> Option<SystemTime> {
        self.in_line().filter_map(Entry::due_at).min()
    }

    /// The messages whose deadline has passed.
    pub(super) fn overdue(&self, now: SystemTime) -> Vec<(u64, SendReason)> {
        let overdue = |entry: &Entry| entry.overdue(now).map(|why| (entry.order, why));
        self.in_line().filter_map(overdue).collect()
    }

    /// The messages that wait for another account.
    pub(super) fn of_others(&self, account: &Phone) -> Vec<u64> {
        let of_other = |entry: &&Entry| {
            entry.is_queued() && entry.account != *account && !matches!(entry.stage, Stage::Busy(_))
        };
        let others = self.in_line().filter(of_other);
        others.map(|entry| entry.order).collect()
    }

    /// Handles a lost connection. Queued messages that waited for their ack are scheduled again; callers get the
    /// outcome. Returns the messages that are known not to have been sent: their tokens can be reused.
    pub(super) fn connection_lost(&mut self, now: SystemTime) -> Vec<u64> {
        let orders: Vec<u64> = self.line.iter().copied().collect();
        let mut unsent = Vec::new();
        for order in orders {
            let Some(entry) = self.entries.get_mut(&order) else {
                continue;
            };
            match entry.stage {
                Stage::Busy(_) | Stage::Resting => continue,
                Stage::Waiting(_) if entry.is_queued() => continue,
                Stage::Handed(_) if entry.is_queued() => entry.stage = Stage::Waiting(now),
                Stage::Handed(_) => entry.rest(Some(AttemptError::ConnectionLost)),
                Stage::Waiting(_) => {
                    entry.rest(Some(AttemptError::NotConnected));
                    if entry.handed_at.is_none() {
                        unsent.push(order);
                    }
                }
            }
            entry.notify();
            self.settle(order);
        }
        unsent
    }

    /// Bounds the total size of direct messages' payloads that are kept until their ack: if it is exceeded, the
    /// payload of `handed`, the latest one, is dropped.
    pub(super) fn bound_payloads(&mut self, handed: u64) {
        let payloads = self.in_line().filter_map(|entry| match entry.stage {
            Stage::Handed(_) => entry.payload.as_ref(),
            _ => None,
        });
        let held: usize = payloads.map(|payload| payload.as_bytes().len()).sum();
        if held > MAX_PAYLOAD_BYTES
            && let Some(entry) = self.entries.get_mut(&handed)
        {
            entry.payload = None;
        }
    }

    /// Drops the payloads of direct messages whose ack is late: their callers must retry.
    pub(super) fn drop_late_payloads(&mut self, now: SystemTime) {
        let late = |entry: &Entry| {
            entry.payload.is_some()
                && matches!(entry.stage, Stage::Handed(at) if at + ACK_DUE <= now)
        };
        let late: Vec<u64> = self
            .in_line()
            .filter(|entry| late(entry))
            .map(|entry| entry.order)
            .collect();
        for order in late {
            if let Some(entry) = self.entries.get_mut(&order) {
                entry.payload = None;
            }
        }
    }

    /// The messages to delete: those that are too old or beyond the limit.
    pub(super) fn surplus(&self, now: SystemTime) -> Vec<u64> {
        let mut more = (self.entries.len() - self.line.len()).saturating_sub(MAX_FINISHED_MESSAGES);
        let old = |entry: &Entry| entry.created_at + FINISHED_MESSAGE_AGE < now;
        let mut surplus = Vec::new();
        for (order, entry) in &self.entries {
            if self.line.contains(order) {
                continue;
            }
            if more == 0 && !old(entry) {
                break;
            }
            more = more.saturating_sub(1);
            surplus.push(*order);
        }
        surplus
    }
}
