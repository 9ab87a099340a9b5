//! The only module that reads the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, the unit of timestamps in stanzas.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970, the unit of timestamps in messages. The precision is that of [`unix_now`].
pub(crate) fn unix_now_ms() -> Option<i64> {
    i64::try_from(unix_now() * 1000).ok()
}
