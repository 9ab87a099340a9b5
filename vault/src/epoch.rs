//! The history of a store: one epoch for each time it was opened.
//!
//! ```text
//! payload = generation(8) id(8) commits(8) count(1) (generation(8) id(8) commits(8)) * count      little-endian
//! ```
//!
//! A client that remembers an epoch detects from the history that a volume was restored to an older state.

use crate::secret::{NoRandom, random};

/// The number of closed epochs that are recorded.
pub(crate) const MAX_REMEMBERED_EPOCHS: usize = 16;

/// One opening of the store, with the commits made during it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epoch {
    /// The number of this opening: 1, 2, 3…
    pub generation: u64,
    /// A random id.
    pub id: u64,
    /// The number of batches made durable in this epoch.
    pub commits: u64,
}

impl Epoch {
    pub(crate) fn next(self) -> Result<Self, NoRandom> {
        let mut id = [0; 8];
        random(&mut id)?;
        Ok(Self {
            generation: self.generation + 1,
            id: u64::from_le_bytes(id),
            commits: 0,
        })
    }
}

/// The current epoch and those before it, newest last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) current: Epoch,
    pub(crate) closed: Vec<Epoch>,
}

impl History {
    /// The history after the store is opened again.
    pub(crate) fn reopened(mut self) -> Result<Self, NoRandom> {
        let current = self.current.next()?;
        if self.current.generation > 0 {
            self.closed.push(self.current);
        }
        let surplus = self.closed.len().saturating_sub(MAX_REMEMBERED_EPOCHS);
        self.closed.drain(..surplus);
        Ok(Self {
            current,
            closed: self.closed,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(25 + 24 * self.closed.len());
        write(&mut bytes, self.current);
        bytes.push(self.closed.len() as u8);
        for epoch in &self.closed {
            write(&mut bytes, *epoch);
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (current, rest) = read(bytes)?;
        let (count, mut rest) = rest.split_first()?;
        let mut closed = Vec::with_capacity(usize::from(*count));
        for _ in 0..*count {
            let (epoch, after) = read(rest)?;
            closed.push(epoch);
            rest = after;
        }
        rest.is_empty().then_some(Self { current, closed })
    }
}

fn write(bytes: &mut Vec<u8>, epoch: Epoch) {
    let Epoch {
        generation,
        id,
        commits,
    } = epoch;
    for number in [generation, id, commits] {
        bytes.extend(number.to_le_bytes());
    }
}

fn read(bytes: &[u8]) -> Option<(Epoch, &[u8])> {
    let (epoch, rest) = bytes.split_first_chunk::<24>()?;
    let number = |at: usize| {
        epoch[at..]
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes))
    };
    let epoch = Epoch {
        generation: number(0)?,
        id: number(8)?,
        commits: number(16)?,
    };
    Some((epoch, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_round_trips_and_drops_the_oldest_epochs() {
        let mut history = History::default();
        for _ in 0..40 {
            history = history.reopened().unwrap();
            history.current.commits = 7;
        }
        assert_eq!(history.closed.len(), MAX_REMEMBERED_EPOCHS);
        assert_eq!(
            (history.closed[0].generation, history.current.generation),
            (24, 40)
        );
        assert_eq!(History::decode(&history.encode()), Some(history));
    }
}
