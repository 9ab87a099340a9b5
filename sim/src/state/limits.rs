//! How much a client may ask of the server: budgets, and what was spent of them.

use std::time::Duration;

use tokio::time::Instant;

/// So many within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub count: u32,
    /// Within which time.
    pub window: Duration,
}

/// What a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limited {
    /// Messages that a companion sends, but for those between an account's own devices.
    Messages,
    /// Questions, but for pings.
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
    /// More than any client here needs, also one that measures itself; less than one that runs in a circle.
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

/// How a request stands to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spent {
    Within,
    /// It is refused.
    Over,
    /// As many again were refused: the client does not slow down.
    FarOver,
}

/// So many are refused beyond as many as are allowed, before a client is taken for one that does not slow down.
const REFUSALS: u32 = 10;

/// What one companion has spent of one budget, in the window that began with the first request.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    window: Option<(Budget, Instant)>,
    count: u32,
}

impl Meter {
    /// One more request. Under another budget than the last one, it is the first of a new window.
    pub(crate) fn spend(&mut self, budget: Budget) -> Spent {
        let now = Instant::now();
        let current =
            |(last, began): &(Budget, Instant)| *last == budget && now - *began < budget.window;
        if !self.window.as_ref().is_some_and(current) {
            self.window = Some((budget, now));
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        let patience = budget.count.saturating_mul(2).saturating_add(REFUSALS);
        match self.count {
            count if count <= budget.count => Spent::Within,
            count if count <= patience => Spent::Over,
            _ => Spent::FarOver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_spent_refused_and_new_in_the_next_window() {
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
        assert_eq!(meter.spend(none), Spent::Over, "another budget");
    }
}
