//! How old events are in the agent's time: how far the journal had come, and when. An event's own time is that of the
//! system's clock, which may be stepped: it says nothing of age.

use std::collections::VecDeque;
use std::time::Duration;

use openclaw_vault::{Batch, Key};
use serde::{Deserialize, Serialize};

use crate::vault::{Tables, Vault, span_millis};

/// How many marks there are in the time that events are kept: they may be kept by a part of it longer.
const MARKS_PER_RETENTION: u64 = 64;
const MAX_MARKS: usize = 2 * MARKS_PER_RETENTION as usize;

/// The marks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ages(VecDeque<Mark>);

/// Every event up to `seq` was there at `at`, in milliseconds of the agent's time. Fields may be added, never renamed:
/// volumes hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    #[serde(rename = "s")]
    seq: u64,
    #[serde(rename = "a")]
    at: u64,
}

impl Ages {
    /// What the vault remembers of a journal that ends at `head`. Without a mark, events are as old as the first one.
    pub(super) fn open(vault: &Vault, head: u64) -> Self {
        let marks = vault.load(key());
        let marks = marks.and_then(|bytes| ciborium::from_reader(bytes.as_slice()).ok());
        let mut marks: VecDeque<Mark> = marks.unwrap_or_default();
        // Those of a journal before this one.
        marks.retain(|mark| mark.seq <= head);
        Self(marks)
    }

    /// Marks how far the journal has come, if it is time for a mark. True when that is to be written.
    pub(super) fn note(&mut self, head: u64, now: u64, age: Duration) -> bool {
        let part = span_millis(age) / MARKS_PER_RETENTION;
        for mark in &mut self.0 {
            // A time that is still to come would be none.
            mark.at = mark.at.min(now);
        }
        let last = self.0.back();
        if last.is_some_and(|last| head <= last.seq || now - last.at < part) {
            return false;
        }
        self.0.push_back(Mark { seq: head, at: now });
        while self.0.len() > MAX_MARKS {
            self.0.pop_front();
        }
        true
    }

    /// Events up to this seq are older than `age`; 0 when none are.
    pub(super) fn too_old(&self, now: u64, age: Duration) -> u64 {
        let age = span_millis(age);
        let old = |mark: &&Mark| mark.at.saturating_add(age) < now;
        let old = self.0.iter().take_while(old).last();
        old.map_or(0, |mark| mark.seq)
    }

    pub(super) fn keep(&self, batch: &mut Batch) {
        let mut bytes = Vec::new();
        ciborium::into_writer(&self.0, &mut bytes).expect("numbers have an encoding");
        batch.put(key(), &bytes);
    }
}

fn key() -> Key<'static> {
    Key::new(Tables::CLOCK, "journal", "")
}
