//! The delays between failing attempts.

use std::time::Duration;

/// Exponential backoff: each delay is twice the previous one, up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// The first delay, and the limit.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The delay after this many consecutive failures.
    #[must_use]
    pub fn after(self, failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1));
        let doubled = self.first.saturating_mul(doubled.unwrap_or(u32::MAX));
        doubled.min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit() {
        let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
        let delays: Vec<u64> = (1..=8)
            .map(|failures| backoff.after(failures).as_secs())
            .collect();
        assert_eq!(delays, [2, 4, 8, 16, 32, 60, 60, 60]);
        for failures in [31, 32, 33, 34, u32::MAX] {
            assert_eq!(backoff.after(failures), Duration::from_secs(60));
        }
        assert_eq!(backoff.after(0), Duration::from_secs(2));
    }
}
