//! The only module that reads the clock. All others take the time as an argument.
//!
//! Times from an agent are compared with the agent's clock, as its responses show it: this machine's clock may be
//! wrong, and then every remaining time would be.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use prost_types::Timestamp;

/// A response has whole seconds and takes a while to arrive: a smaller difference is not one of the clocks.
const TOLERANCE_SECONDS: i64 = 3;

/// How many seconds the agent's clock is ahead of this machine's.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// The current time: the agent's, once it has responded.
pub(crate) fn now() -> Timestamp {
    let here = here();
    Timestamp {
        seconds: here.seconds.saturating_add(ahead()),
        ..here
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn here() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// How many seconds the agent's clock is ahead of this machine's; 0 until that is known.
pub(crate) fn ahead() -> i64 {
    AHEAD.load(Ordering::Relaxed)
}

/// Records that the agent has just responded with `date`, in HTTP's format.
pub(crate) fn answered(date: &str) {
    if let Ok(date) = httpdate::parse_http_date(date) {
        let ahead = seconds_between(here(), Timestamp::from(date));
        let differs = ahead.saturating_abs() > TOLERANCE_SECONDS;
        AHEAD.store(if differs { ahead } else { 0 }, Ordering::Relaxed);
    }
}

/// Whole seconds from `earlier` to `later`; negative if `later` is earlier.
pub(crate) fn seconds_between(earlier: Timestamp, later: Timestamp) -> i64 {
    between(earlier, later, 1_000_000_000)
}

/// Whole milliseconds from `earlier` to `later`; negative if `later` is earlier.
pub(crate) fn millis_between(earlier: Timestamp, later: Timestamp) -> i64 {
    between(earlier, later, 1_000_000)
}

fn between(earlier: Timestamp, later: Timestamp, unit_nanos: i128) -> i64 {
    let nanos = |t: Timestamp| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
    let units = (nanos(later) - nanos(earlier)).div_euclid(unit_nanos);
    i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
}
