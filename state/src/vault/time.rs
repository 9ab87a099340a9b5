//! Stored times: milliseconds since 1970.

use std::time::{Duration, SystemTime};

/// A time before 1970 becomes 1970.
#[must_use]
pub fn to_millis(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, span_millis)
}

/// A time that cannot be represented becomes 1970: a damaged row must not stop the agent.
#[must_use]
pub fn from_millis(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A duration in milliseconds.
#[must_use]
pub fn span_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
