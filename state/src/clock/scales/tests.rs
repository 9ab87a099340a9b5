//! Clocks that are stepped, suspended, and carried over restarts.

use super::*;

const START: i64 = 1_800_000_000;
const YEAR: i64 = 365 * 86_400;

/// Readings after this many seconds, with the system clock stepped by `stepped` seconds.
fn at(seconds: i64, stepped: i64) -> Reading {
    let wall = u64::try_from(START + seconds + stepped).unwrap();
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(wall);
    Reading::new(1_000 + seconds, 0, wall)
}

fn seconds(at: SystemTime) -> i64 {
    nanos(at) / 1_000 / NANOS_PER_MILLI - START
}

fn begun() -> Scales {
    let mut scales = Scales::new();
    scales.now(at(0, 0));
    scales
}

#[test]
fn agent_time_is_not_affected_by_steps_of_the_system_clock() {
    for stepped in [-45, -7_200, 7_200, YEAR, -START] {
        let mut scales = begun();
        assert_eq!(seconds(scales.now(at(10, 0))), 10);
        assert_eq!(seconds(scales.now(at(20, stepped))), 20, "{stepped}");
        let step = scales.notice(at(20, stepped)).unwrap();
        assert_eq!((step.seconds(), seconds(step.at)), (stepped, 20));
        assert_eq!(
            scales.notice(at(21, stepped)),
            None,
            "the same step is reported once"
        );
        assert_eq!(seconds(scales.shown(scales_now(30))), 30 + stepped);
        let back = scales.notice(at(40, 0)).unwrap();
        assert_eq!(back.seconds(), -stepped);
        assert_eq!(scales.steps().count, 2);
        assert_eq!(seconds(scales.now(at(50, 0))), 50);
    }
}

fn scales_now(after: u64) -> SystemTime {
    time(START * 1_000 * NANOS_PER_MILLI) + Duration::from_secs(after)
}

#[test]
fn a_small_difference_is_no_step_but_many_add_up_to_one() {
    let mut scales = begun();
    let shifted = |millis: i64| {
        let mut reading = at(10, 0);
        reading.wall += millis * NANOS_PER_MILLI;
        reading
    };
    assert_eq!(scales.notice(shifted(-999)), None);
    assert_eq!(scales.notice(shifted(999)), None);
    assert_eq!(scales.notice(shifted(1_500)).unwrap().by, 1_500);
}

#[test]
fn a_restart_without_a_reboot_counts_the_time_since_boot() {
    for stepped in [0, -3_600, YEAR] {
        let mark = begun().mark(at(10, 0), "boot");
        let mut next = Scales::new();
        let resumed = next.resume(&mark, at(70, stepped), "boot");
        assert_eq!(resumed, Resumed::default());
        assert_eq!(seconds(next.now(at(70, stepped))), 70);
        assert_eq!(seconds(next.shown(scales_now(70))), 70 + stepped);
        assert_eq!(next.notice(at(71, stepped)), None);
    }
}

#[test]
fn a_restart_after_a_reboot_counts_the_system_clock_within_bounds() {
    let mark = begun().mark(at(10, 0), "boot");
    let resume = |away: i64| {
        let mut next = Scales::new();
        // The time since boot starts again, and may even be higher.
        let resumed = next.resume(&mark, at(10 + away, 0), "another");
        (seconds(next.now(at(10 + away, 0))) - 10, resumed)
    };
    assert_eq!(resume(3_600), (3_600, Resumed::default()));
    let (counted, resumed) = resume(YEAR);
    assert_eq!(counted, 86_400);
    assert!(resumed.uncertain);
    assert_eq!(resumed.uncounted.as_secs(), (YEAR - 86_400).unsigned_abs());
    let (counted, resumed) = resume(-3_600);
    assert_eq!((counted, resumed.uncounted), (0, Duration::ZERO));
    assert!(resumed.uncertain, "the downtime is unknown");
}

#[test]
fn connection_time_is_stable_and_the_next_connection_uses_a_settled_clock() {
    let mut scales = begun();
    scales.notice(at(10, 7_200));
    assert_eq!(seconds(scales.protocol(at(11, 7_200))), 11);
    scales.set_protocol(at(12, 7_200));
    assert_eq!(
        seconds(scales.protocol(at(13, 7_200))),
        13,
        "connection time may go back between connections"
    );
    scales.set_protocol(at(10 + 600, 7_200));
    assert_eq!(seconds(scales.protocol(at(700, 7_200))), 700 + 7_200);
    let heard = scales.protocol(at(700, 7_200));
    assert_eq!(seconds(scales.agent_time_of(heard)), 700);
}

#[test]
fn an_implausible_clock_is_abandoned_at_once() {
    let mut scales = Scales::new();
    scales.now(at(0, -START));
    scales.notice(at(10, 0));
    scales.set_protocol(at(11, 0));
    assert_eq!(seconds(scales.protocol(at(12, 0))), 12);
}
