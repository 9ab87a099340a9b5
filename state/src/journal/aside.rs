//! Messages that have arrived but have no event, or not yet: messages that are held elsewhere, and protocol messages
//! from the phone to this device.

use std::collections::{HashSet, VecDeque};

use super::Mark;

/// A bounded set that drops its oldest entry.
#[derive(Debug, Default)]
pub(super) struct Aside {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Aside {
    /// More than can be held or unseen at any time.
    const CAPACITY: usize = 4_096;

    pub(super) fn insert(&mut self, Mark(mark): Mark) {
        if !self.known.insert(mark) {
            return;
        }
        self.order.push_back(mark);
        if self.order.len() > Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// True if the set has one of these marks.
    pub(super) fn contains(&self, marks: &[u64]) -> bool {
        marks.iter().any(|mark| self.known.contains(mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_mark_is_dropped_first() {
        let mut aside = Aside::default();
        let capacity = Aside::CAPACITY as u64;
        (1..=capacity + 1).for_each(|mark| aside.insert(Mark(mark)));
        assert!(aside.contains(&[2]) && !aside.contains(&[1]));
        assert!(aside.contains(&[1, capacity + 1]));
        assert_eq!(aside.known.len(), Aside::CAPACITY);
    }
}
