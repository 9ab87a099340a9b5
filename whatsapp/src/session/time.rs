//! The clock of the WhatsApp library. The library computes waits and detects dead sockets with the system clock, which
//! can be stepped; it gets one here that is not stepped while a connection lasts.

use std::time::UNIX_EPOCH;

use openclaw_state::clock;
use whatsapp_rust::wacore::time::{TimeProvider, set_time_provider};

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
