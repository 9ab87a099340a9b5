//! Arrived messages without an event: protocol messages from the phone to this device. Their arrival must be durable,
//! too, otherwise a redelivery after a restart would be reported as lost.

use std::collections::VecDeque;

use openclaw_vault::{Batch, Error, Key};

use super::Mark;
use crate::vault::{Sealed, Tables};

/// There are a few during pairing, and hardly any later.
const CAPACITY: usize = 256;

const SCOPE: &str = "unseen";

/// The newest ones.
#[derive(Debug, Default)]
pub(super) struct Unseen(VecDeque<Mark>);

impl Unseen {
    pub(super) fn open(sealed: &Sealed) -> Result<Self, Error> {
        let mut marks = VecDeque::new();
        sealed.scan(Tables::JOURNAL_STATE, Some(SCOPE.as_bytes()), |entry| {
            marks.extend(entry.id.first_chunk().map(|bytes| Mark::of_bytes(*bytes)));
        })?;
        Ok(Self(marks))
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        self.0.iter().copied()
    }

    /// Adds one, and writes the list into the batch.
    pub(super) fn push(&mut self, mark: Mark, batch: &mut Batch) {
        self.0.push_back(mark);
        batch.put(key(&mark.to_bytes()), &[]);
        if self.0.len() > CAPACITY
            && let Some(oldest) = self.0.pop_front()
        {
            batch.delete(key(&oldest.to_bytes()));
        }
    }
}

fn key(mark: &[u8; 8]) -> Key<'_> {
    Key::new(Tables::JOURNAL_STATE, SCOPE, mark)
}
