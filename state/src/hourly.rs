//! A limit on how often something is done in any hour. Pure, and in memory only: a restart forgets the count.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// The time for which the limit counts.
pub const HOUR: Duration = Duration::from_secs(3600);

/// When it was done, at most so many times in any hour.
#[derive(Debug)]
pub struct Hourly {
    max: usize,
    /// Oldest first: at most `max`.
    done: VecDeque<SystemTime>,
}

impl Hourly {
    /// A limit of `max` in any hour.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self {
            max,
            done: VecDeque::new(),
        }
    }

    /// Counts what is about to be done, `count` times.
    ///
    /// # Errors
    /// It would exceed the limit: the time from which it would not. Nothing is counted then.
    pub fn take(&mut self, count: usize, now: SystemTime) -> Result<(), SystemTime> {
        let over = |at: &SystemTime| now.duration_since(*at).is_ok_and(|age| age >= HOUR);
        while self.done.front().is_some_and(over) {
            self.done.pop_front();
        }
        let excess = (self.done.len() + count).saturating_sub(self.max);
        if excess > 0 {
            // Possible once the oldest `excess` are older than an hour.
            let last = self.done.get(excess - 1).or(self.done.back());
            return Err(last.map_or(now, |at| *at) + HOUR);
        }
        self.done.extend(std::iter::repeat_n(now, count));
        Ok(())
    }
}
