//! Measures the age of events in agent time, with marks that record the head at a time. The time in an event is
//! wall-clock time, which may be stepped, so it does not measure age.

use std::collections::VecDeque;
use std::time::Duration;

use openclaw_vault::{Batch, Key};
use serde::{Deserialize, Serialize};

use crate::vault::{Tables, Vault, span_millis};

/// The number of marks per retention period. Events may be kept longer than the retention by one such part.
const MARKS_PER_RETENTION: u64 = 64;
const MAX_MARKS: usize = 2 * MARKS_PER_RETENTION as usize;

/// The marks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ages(VecDeque<Mark>);

/// Every event up to `seq` existed at `at`, in milliseconds of agent time. Fields may be added, never renamed:
/// volumes hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    #[serde(rename = "s")]
    seq: u64,
    #[serde(rename = "a")]
    at: u64,
}

impl Ages {
    /// Loads the marks for a journal that ends at `head`. Events without a mark count as being as old as the first
    /// mark.
    pub(super) fn open(vault: &Vault, head: u64) -> Self {
        let marks = vault.load(key());
        let marks = marks.and_then(|bytes| ciborium::from_reader(bytes.as_slice()).ok());
        let mut marks: VecDeque<Mark> = marks.unwrap_or_default();
        // Discards the marks of an earlier journal.
        marks.retain(|mark| mark.seq <= head);
        Self(marks)
    }

    /// Adds a mark for the current head if one is due. Returns true if the marks must be stored.
    pub(super) fn note(&mut self, head: u64, now: u64, age: Duration) -> bool {
        let part = span_millis(age) / MARKS_PER_RETENTION;
        for mark in &mut self.0 {
            // Agent time may have been set back: a mark in the future would never expire.
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

    /// The seq up to which all events are older than `age`; 0 if there is none.
    pub(super) fn too_old(&self, now: u64, age: Duration) -> u64 {
        let age = span_millis(age);
        let old = |mark: &&Mark| mark.at.saturating_add(age) < now;
        let old = self.0.iter().take_while(old).last();
        old.map_or(0, |mark| mark.seq)
    }

    pub(super) fn keep(&self, batch: &mut Batch) {
        let mut bytes = Vec::new();
        ciborium::into_writer(&self.0, &mut bytes).expect("numbers can be encoded");
        batch.put(key(), &bytes);
    }
}

fn key() -> Key<'static> {
    Key::new(Tables::CLOCK, "journal", "")
}
