//! Times for a person: ages and remaining times.

use prost_types::Timestamp;

use crate::clock::seconds_between;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `4 s ago`, `12 min ago`, `3 days ago`. Slightly negative ages, from clock skew, count as zero.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    match seconds_between(then, now) {
        ..1 => "just now".to_owned(),
        seconds => format!("{} ago", rough(seconds)),
    }
}

/// `in 12 s`, `in 3 days`; `now` when it has passed.
pub(crate) fn until(then: Timestamp, now: Timestamp) -> String {
    match seconds_between(now, then) {
        ..1 => "now".to_owned(),
        seconds => format!("in {}", rough(seconds)),
    }
}

/// `3h 12m`: the two largest units.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    match seconds_between(from, to).max(0) {
        s if s < MINUTE => format!("{s}s"),
        s if s < HOUR => format!("{}m {}s", s / MINUTE, s % MINUTE),
        s if s < DAY => format!("{}h {}m", s / HOUR, s % HOUR / MINUTE),
        s => format!("{}d {}h", s / DAY, s % DAY / HOUR),
    }
}

/// `7 days`, `90 days`, `24 h`: a duration in its largest unit.
pub(crate) fn length(seconds: i64) -> String {
    rough(seconds)
}

/// `2026-11-29T10:32:46Z`, without fractions of a second.
pub(crate) fn moment(at: Timestamp) -> String {
    Timestamp { nanos: 0, ..at }.to_string()
}

fn rough(seconds: i64) -> String {
    match seconds {
        s if s < MINUTE => format!("{s} s"),
        s if s < HOUR => format!("{} min", s / MINUTE),
        s if s < DAY => format!("{} h", s / HOUR),
        s if s < 2 * DAY => "1 day".to_owned(),
        s => format!("{} days", s / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    #[test]
    fn ages_are_shown_in_their_largest_unit() {
        for (seconds, expected) in [
            (-5, "just now"),
            (0, "just now"),
            (4, "4 s ago"),
            (59, "59 s ago"),
            (720, "12 min ago"),
            (7200, "2 h ago"),
            (DAY, "1 day ago"),
            (3 * DAY + HOUR, "3 days ago"),
        ] {
            assert_eq!(ago(at(0), at(seconds)), expected);
        }
    }

    #[test]
    fn spans_are_shown_in_two_units() {
        for (seconds, expected) in [
            (-1, "0s"),
            (45, "45s"),
            (725, "12m 5s"),
            (3 * HOUR + 12 * MINUTE, "3h 12m"),
            (3 * DAY + 4 * HOUR, "3d 4h"),
        ] {
            assert_eq!(span(at(0), at(seconds)), expected);
        }
    }

    #[test]
    fn a_moment_is_shown_to_the_second() {
        let at = Timestamp {
            seconds: 1_795_948_366,
            nanos: 546_182_165,
        };
        assert_eq!(moment(at), "2026-11-29T10:32:46Z");
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        assert!(ago(at(i64::MIN), at(i64::MAX)).ends_with("days ago"));
        assert_eq!(until(at(i64::MIN), at(i64::MAX)), "now");
    }
}
