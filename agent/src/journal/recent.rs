//! The messages that arrived last, by what names them: a redelivery is told by it.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A message's chat, sender and id, as 64 bits; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark(pub(super) u64);

impl Mark {
    /// Of a message. The words must be those of a redelivery, too.
    #[must_use]
    pub fn new(chat: &str, sender: &str, id: &str) -> Self {
        let mut hash = Sha256::new();
        for word in [chat, sender, id] {
            hash.update((word.len() as u64).to_le_bytes());
            hash.update(word);
        }
        let hash = hash.finalize();
        let first = hash
            .first_chunk()
            .map_or(0, |hash| u64::from_le_bytes(*hash));
        Self(first.max(1))
    }

    /// As a name in the store.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(super) const fn of_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

/// A bounded set, which forgets the oldest.
#[derive(Debug, Default)]
pub(super) struct Recent {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Recent {
    /// WhatsApp delivers again what was not acknowledged when a connection ended: far fewer.
    pub(super) const CAPACITY: usize = 16_384;

    /// The newest of these, which come oldest first.
    pub(super) fn of(marks: Vec<u64>) -> Self {
        let surplus = marks.len().saturating_sub(Self::CAPACITY);
        let mut recent = Self::default();
        for mark in marks.into_iter().skip(surplus) {
            recent.insert(Mark(mark));
        }
        recent
    }

    /// False when it was there.
    pub(super) fn insert(&mut self, Mark(mark): Mark) -> bool {
        if !self.known.insert(mark) {
            return false;
        }
        self.order.push_back(mark);
        if self.order.len() > Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    pub(super) fn contains(&self, Mark(mark): Mark) -> bool {
        self.known.contains(&mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_three_words_counts_and_so_does_where_they_end() {
        let marks = [
            Mark::new("a", "b", "c"),
            Mark::new("b", "a", "c"),
            Mark::new("ab", "", "c"),
            Mark::new("a", "bc", ""),
        ];
        let different: HashSet<_> = marks.iter().collect();
        assert_eq!(different.len(), marks.len());
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut recent = Recent::of((1..=20_000).collect());
        let oldest = 20_000 - Recent::CAPACITY as u64 + 1;
        assert!(recent.contains(Mark(oldest)) && !recent.contains(Mark(oldest - 1)));
        assert!(recent.insert(Mark(20_001)) && !recent.insert(Mark(20_001)));
        assert!(!recent.contains(Mark(oldest)));
        assert_eq!(recent.known.len(), Recent::CAPACITY);
    }
}
