//! The clock of the WhatsApp library, and dates that WhatsApp sends. The library computes waits and detects dead sockets
//! with the system clock, which can be stepped; it gets one here that is not stepped while a connection lasts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openclaw_state::clock;
use whatsapp_rust::wacore::time::{TimeProvider, set_time_provider};

/// The last second of the year 9999: the maximum of a timestamp in the API.
pub(super) const MAX_SECONDS: u64 = 253_402_300_799;

/// A date in seconds since 1970. `None` for 0, which means that there is none, and for one that the API cannot have.
pub(super) fn date(seconds: u64) -> Option<SystemTime> {
    let is_date = (1..=MAX_SECONDS).contains(&seconds);
    is_date.then(|| UNIX_EPOCH + Duration::from_secs(seconds))
}

struct Protocol;

impl TimeProvider for Protocol {
    fn now_millis(&self) -> i64 {
        let since = clock::protocol()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Sets the library's clock. Call it before anything else of the library.
pub fn keep_time() {
    // Fails if the process has set it before, which is fine.
    let _ = set_time_provider(Protocol);
}
