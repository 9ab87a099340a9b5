//! The one place that asks the time. Everything else takes it as an argument.

use prost_types::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}

/// Whole seconds from `earlier` to `later`, negative when they are the other way round.
pub(crate) fn seconds_between(earlier: Timestamp, later: Timestamp) -> i64 {
    let nanos = |t: Timestamp| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
    let seconds = (nanos(later) - nanos(earlier)).div_euclid(1_000_000_000);
    i64::try_from(seconds).unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX })
}
