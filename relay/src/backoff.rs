//! Pauses between attempts, which begin again after a success.

use std::time::Duration;

/// For an agent and for a broker.
pub const PAUSES: openclaw_types::Backoff =
    openclaw_types::Backoff::new(Duration::from_millis(100), Duration::from_secs(10));

/// The pauses since the last success.
#[derive(Debug)]
pub struct Backoff {
    pauses: openclaw_types::Backoff,
    failures: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(PAUSES)
    }
}

impl Backoff {
    /// No failure yet.
    #[must_use]
    pub const fn new(pauses: openclaw_types::Backoff) -> Self {
        Self {
            pauses,
            failures: 0,
        }
    }

    /// The pause before the next attempt.
    pub fn next_pause(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.pauses.after(self.failures)
    }

    /// An attempt succeeded.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_limit_and_begin_again_after_a_success() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..9).map(|_| backoff.next_pause().as_millis()).collect();
        assert_eq!(
            pauses,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        backoff.failures = u32::MAX;
        assert_eq!(backoff.next_pause(), Duration::from_secs(10));
        backoff.reset();
        assert_eq!(backoff.next_pause(), Duration::from_millis(100));
    }
}
