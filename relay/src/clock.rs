//! The clock as people see it.

use std::time::SystemTime;

/// The time now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
