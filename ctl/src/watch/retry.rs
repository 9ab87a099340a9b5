//! When the watch retries, and after which delay.

use std::time::Duration;

use openclaw_types::Backoff;

use crate::failure::{Exit, Failure};

/// The delays between attempts to reach the agent.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));

/// Failures in a row.
#[derive(Default)]
pub(super) struct Retry(u32);

impl Retry {
    pub(super) async fn wait(&mut self) {
        self.0 = self.0.saturating_add(1);
        tokio::time::sleep(BACKOFF.after(self.0)).await;
    }

    /// The number of delays so far.
    pub(super) const fn count(&self) -> u32 {
        self.0
    }
}

/// True if a retry may reach the agent or succeed.
pub(super) fn may_come(failure: &Failure) -> bool {
    failure.exit() == Exit::Unreachable || failure.reason() == Some("BUSY")
}
