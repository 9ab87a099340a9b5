//! Rate limits of clients: the budgets, and their use.

use std::time::Duration;

use tokio::time::Instant;

/// A number of requests in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The number of requests.
    pub count: u32,
    /// The period.
    pub window: Duration,
}

/// The requests that a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limited {
    /// A companion's messages, except those between an account's own devices.
    Messages,
    /// Iqs, except pings.
    Iqs,
}

/// The budgets of each companion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For messages.
    pub messages: Budget,
    /// For iqs.
    pub iqs: Budget,
}

impl Default for Limits {
    /// More than any client here needs, including the benchmarks; less than a client in an endless loop sends.
    fn default() -> Self {
        let budget = Budget {
            count: 100_000,
            window: Duration::from_secs(60),
        };
        Self {
            messages: budget,
            iqs: budget,
        }
    }
}

/// The result of one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    Within,
    /// The request is refused.
    Over,
    /// Too many requests were refused: the client does not slow down.
    FarOver,
}

/// A client may exceed its budget by the budget plus this number of refused requests, before that counts as a
/// violation.
const REFUSALS: u32 = 10;

/// The requests of one companion in the current period, which begins with the first request.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    window: Option<(Budget, Instant)>,
    count: u32,
}

impl Meter {
    /// Counts one more request. If the budget has changed, a new period begins.
    pub(crate) fn spend(&mut self, budget: Budget) -> Spent {
        let now = Instant::now();
        let current =
            |(last, began): &(Budget, Instant)| *last == budget && now - *began < budget.window;
        if !self.window.as_ref().is_some_and(current) {
            self.window = Some((budget, now));
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        let tolerated = budget.count.saturating_mul(2).saturating_add(REFUSALS);
        match self.count {
            count if count <= budget.count => Spent::Within,
            count if count <= tolerated => Spent::Over,
            _ => Spent::FarOver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_used_up_budget_refuses_until_the_next_period() {
        let budget = Budget {
            count: 2,
            window: Duration::from_secs(10),
        };
        let mut meter = Meter::default();
        let spent: Vec<Spent> = (0..15).map(|_| meter.spend(budget)).collect();
        assert_eq!(spent[..3], [Spent::Within, Spent::Within, Spent::Over]);
        assert_eq!(spent[13..], [Spent::Over, Spent::FarOver]);
        tokio::time::advance(budget.window).await;
        assert_eq!(meter.spend(budget), Spent::Within);
        let none = Budget { count: 0, ..budget };
        assert_eq!(meter.spend(none), Spent::Over, "a different budget");
    }
}
