//! The one place that asks the time. Everything else takes it as an argument.
//!
//! What an agent says of times is read by the agent's clock, as its answers show it: this machine's may be wrong, and then
//! every wait would be.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use prost_types::Timestamp;

/// An answer has whole seconds, and is on its way for a while: less is no difference of the clocks.
const TOLERANCE_SECONDS: i64 = 3;

/// By how many seconds the agent's clock is ahead of this machine's.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// The time now: the agent's, once one has answered.
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

/// By how many seconds the agent's clock is ahead of this machine's; 0 while that is not known.
pub(crate) fn ahead() -> i64 {
    AHEAD.load(Ordering::Relaxed)
}

/// The agent has answered just now, at `date` by its clock, as HTTP writes it.
pub(crate) fn answered(date: &str) {
    if let Ok(date) = httpdate::parse_http_date(date) {
        let ahead = seconds_between(here(), Timestamp::from(date));
        let differs = ahead.saturating_abs() > TOLERANCE_SECONDS;
        AHEAD.store(if differs { ahead } else { 0 }, Ordering::Relaxed);
    }
}

/// Whole seconds from `earlier` to `later`, negative when they are the other way round.
pub(crate) fn seconds_between(earlier: Timestamp, later: Timestamp) -> i64 {
    let nanos = |t: Timestamp| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
    let seconds = (nanos(later) - nanos(earlier)).div_euclid(1_000_000_000);
    i64::try_from(seconds).unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX })
}
