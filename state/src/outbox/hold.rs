//! The hold of all sends: a client has reported that the store was rolled back, and nothing is sent until an admin
//! decides.
//!
//! ```text
//! report ──> held (durable) ──> decided: the reported openings never cause a hold again
//! ```
//!
//! An older copy of the store has message keys that were used since; using them again breaks the secrecy of both
//! messages. Nothing on the volume shows that it is a copy, so the hold relies on a client's report. The API checks
//! by role who may report.

use std::time::SystemTime;

use openclaw_vault::{Batch, Epoch, Key, went_back};
use serde::{Deserialize, Serialize};

use super::entry::{AttemptError, Stage};
use super::{Outbox, State};
use crate::vault::{Tables, Vault, from_millis, to_millis};

/// The scope of the row.
const HOLD: &[u8] = b"hold";
/// The number of reported openings that are stored. The oldest is dropped first.
const MAX_OPENINGS: usize = 32;

/// An opening of the store: its generation and its random id.
type Opening = (u64, u64);

/// Why sends are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// When the hold began.
    pub since: SystemTime,
    /// The epoch that the client had seen that reported first.
    pub seen: Epoch,
    /// The generation of the store at the time of the report.
    pub generation: u64,
}

/// What is known about rollbacks of the store.
#[derive(Default)]
pub(super) struct Holding {
    hold: Option<Hold>,
    /// The openings that were reported during this hold.
    reported: Vec<Opening>,
    /// The openings of earlier holds, which were decided.
    decided: Vec<Opening>,
}

/// The stored row. Fields may be added, never renamed: volumes hold it.
#[derive(Default, Serialize, Deserialize)]
struct Row {
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    hold: Option<HoldRow>,
    #[serde(rename = "r", default)]
    reported: Vec<Opening>,
    #[serde(rename = "d", default)]
    decided: Vec<Opening>,
}

#[derive(Serialize, Deserialize)]
struct HoldRow {
    #[serde(rename = "t")]
    since: u64,
    /// Generation, id and commits.
    #[serde(rename = "s")]
    seen: (u64, u64, u64),
    #[serde(rename = "g")]
    generation: u64,
}

fn key() -> Key<'static> {
    Key::new(Tables::OUTBOX, HOLD, "")
}

impl Holding {
    pub(super) fn load(vault: &Vault) -> Self {
        let Some(bytes) = vault.load(key()) else {
            return Self::default();
        };
        let Row {
            hold,
            reported,
            decided,
        } = ciborium::from_reader(&**bytes).unwrap_or_default();
        let hold = hold.map(|row| {
            let (generation, id, commits) = row.seen;
            Hold {
                since: from_millis(row.since),
                seen: Epoch {
                    generation,
                    id,
                    commits,
                },
                generation: row.generation,
            }
        });
        Self {
            hold,
            reported,
            decided,
        }
    }

    fn put(&self, batch: &mut Batch) {
        let hold = self.hold.map(|hold| HoldRow {
            since: to_millis(hold.since),
            seen: (hold.seen.generation, hold.seen.id, hold.seen.commits),
            generation: hold.generation,
        });
        let row = Row {
            hold,
            reported: self.reported.clone(),
            decided: self.decided.clone(),
        };
        let mut bytes = Vec::new();
        ciborium::into_writer(&row, &mut bytes)
            .expect("a row can be encoded, and writing into memory cannot fail");
        batch.put(key(), &bytes);
    }

    pub(super) const fn is_held(&self) -> bool {
        self.hold.is_some()
    }
}

fn add_opening(openings: &mut Vec<Opening>, opening: Opening) -> bool {
    if openings.contains(&opening) {
        return false;
    }
    if openings.len() >= MAX_OPENINGS {
        openings.remove(0);
    }
    openings.push(opening);
    true
}

impl Outbox {
    /// A client reports that it has seen the store at `seen`; `known` are the store's latest epochs, the current one
    /// last. Holds sends if the store is behind `seen` and this rollback was not decided before. Call [`Outbox::durable`]
    /// to make the hold durable.
    pub fn report_seen(&self, seen: Epoch, known: &[Epoch], now: SystemTime) -> Option<Hold> {
        let state = &mut *self.state();
        let opening = (seen.generation, seen.id);
        let holding = &mut state.holding;
        let back = went_back(&seen, known).filter(|_| !holding.decided.contains(&opening));
        let Some(back) = back else {
            return holding.hold;
        };
        if !add_opening(&mut holding.reported, opening) {
            return holding.hold;
        }
        if holding.hold.is_none() {
            tracing::error!(
                reason = %back,
                hint = "decide with `openclawctl rollback renew` or `openclawctl rollback accept`",
                "sends held: store rolled back"
            );
            holding.hold = Some(Hold {
                since: now,
                seen,
                generation: known.last().map_or(0, |epoch| epoch.generation),
            });
        }
        let hold = holding.hold;
        let mut batch = Batch::new();
        holding.put(&mut batch);
        self.vault.write(&batch);
        self.stop_callers(state);
        hold
    }

    /// Stops direct messages that wait for their turn, and notifies their callers at once.
    fn stop_callers(&self, state: &mut State) {
        let orders: Vec<u64> = state.messages.in_line().map(|entry| entry.order).collect();
        let mut unsent = Vec::new();
        for order in orders {
            let Some(entry) = state.messages.get(order) else {
                continue;
            };
            if entry.is_queued() || !matches!(entry.stage, Stage::Waiting(_)) {
                continue;
            }
            entry.rest(Some(AttemptError::Held));
            if entry.handed_at.is_none() {
                unsent.push(order);
            }
            entry.notify();
            state.messages.settle(order);
        }
        self.remove(state, unsent);
    }

    /// The current hold, if there is one.
    #[must_use]
    pub fn hold(&self) -> Option<Hold> {
        self.state().holding.hold
    }

    /// Ends the hold: an admin has decided, or the sessions are new. The reported openings never cause a hold again.
    /// Returns false if sends were not held. Call [`Outbox::durable`] to make it durable.
    pub fn end_hold(&self) -> bool {
        let state = &mut *self.state();
        let holding = &mut state.holding;
        if holding.hold.take().is_none() {
            return false;
        }
        for opening in std::mem::take(&mut holding.reported) {
            add_opening(&mut holding.decided, opening);
        }
        let mut batch = Batch::new();
        holding.put(&mut batch);
        self.vault.write(&batch);
        tracing::warn!("sends resumed");
        self.work.notify_one();
        true
    }
}
