//! The one place that reads the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as stanzas carry them.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970, as messages carry them; no finer than [`unix_now`].
pub(crate) fn unix_now_ms() -> Option<i64> {
    i64::try_from(unix_now() * 1000).ok()
}
