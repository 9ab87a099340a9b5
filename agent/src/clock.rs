//! The one place that reads the wall clock. Everything else takes time as an argument.

use std::time::{Duration, SystemTime};

/// Now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// How long until `at`; zero when it has passed.
#[must_use]
pub fn until(at: SystemTime) -> Duration {
    at.duration_since(now()).unwrap_or_default()
}
