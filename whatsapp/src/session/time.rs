//! What the protocol's library takes for the time. It waits, and calls a socket dead, by a clock that can be stepped: it is
//! given one that is not stepped while a connection lasts.

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

/// Gives the library its time. To be called before anything else of it.
pub fn keep_time() {
    // A process that has done so before has nothing to do.
    let _ = set_time_provider(Protocol);
}
