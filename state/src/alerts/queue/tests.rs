//! Tests of the delivery queue.

use fastrand::Rng;
use openclaw_types::{Link, LinkState};

use super::super::row::AlertSender;
use super::super::rules::Notice;
use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn row(kind: AlertKind, seconds: u64) -> Row {
    let link = Link {
        state: LinkState::LoggedOut,
        since: at(seconds),
        account: None,
        reason: None,
        code: None,
        expires_at: None,
        restriction: None,
    };
    let notice = Notice {
        kind,
        since: at(seconds),
        trouble: None,
    };
    Row::new(&notice, &link, &AlertSender::default(), at(seconds))
}

fn failure(scope: Scope) -> Failure {
    Failure {
        error: "it answered 500".to_owned(),
        scope,
        retry_after: None,
    }
}

fn due(queue: &Queue, seconds: u64) -> Option<u64> {
    queue.due(at(seconds)).map(|(number, _)| number)
}

#[test]
fn delays_double_from_one_second_to_an_hour_with_a_jitter_of_at_most_half() {
    let waits: Vec<u64> = (1..=14).map(|n| delay(n, 0.0).as_secs()).collect();
    assert_eq!(
        waits,
        [
            1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600
        ]
    );
    assert_eq!(delay(u32::MAX, 0.0), Duration::from_secs(3_600));
    assert_eq!(delay(3, 1.0), Duration::from_secs(2));
}

#[test]
fn an_unreachable_receiver_delays_all_alerts_and_keeps_their_order() {
    let mut queue = Queue::default();
    queue.push(row(AlertKind::LoggedOut, 0), at(0));
    queue.push(row(AlertKind::Recovered, 0), at(0));
    assert_eq!(due(&queue, 0), Some(1));
    assert!(!queue.failed(1, &failure(Scope::Receiver), at(0), 0.0));
    assert_eq!(due(&queue, 0), None);
    assert_eq!(queue.wake_at(), Some(at(1)));
    assert_eq!(due(&queue, 1), Some(1));
    queue.delivered(1, at(1));
    assert_eq!(due(&queue, 1), Some(2));
}

#[test]
fn a_rejected_alert_delays_no_other() {
    let mut queue = Queue::default();
    queue.push(row(AlertKind::LoggedOut, 0), at(0));
    queue.push(row(AlertKind::Recovered, 0), at(0));
    queue.failed(1, &failure(Scope::Alert), at(0), 0.0);
    assert_eq!(due(&queue, 0), Some(2));
    assert!(queue.failed(2, &failure(Scope::Final), at(0), 0.0));
    assert_eq!(due(&queue, 0), None);
    assert_eq!(due(&queue, 1), Some(1));
}

#[test]
fn retry_after_is_respected_also_with_new_alerts() {
    let mut queue = Queue::default();
    queue.push(row(AlertKind::ConnectionLost, 0), at(0));
    let mut busy = failure(Scope::Receiver);
    busy.retry_after = Some(Duration::from_secs(120));
    queue.failed(1, &busy, at(0), 0.0);
    queue.push(row(AlertKind::Recovered, 10), at(10));
    assert_eq!(due(&queue, 119), None);
    assert_eq!(due(&queue, 120), Some(1));
    // Without a `Retry-After`, a new alert triggers another attempt.
    for _ in 0..12 {
        queue.failed(1, &failure(Scope::Receiver), at(120), 0.0);
    }
    assert_eq!(due(&queue, 1_000), None);
    queue.push(row(AlertKind::LoggedOut, 1_000), at(1_000));
    assert_eq!(due(&queue, 1_000), Some(1));
    busy.retry_after = Some(Duration::from_secs(u64::MAX));
    queue.failed(1, &busy, at(1_000), 0.0);
    assert_eq!(queue.wake_at(), Some(at(1_000 + 86_400)));
}

#[test]
fn an_alert_is_abandoned_after_three_days() {
    let mut queue = Queue::default();
    queue.push(row(AlertKind::LoggedOut, 0), at(0));
    let mut now = 0;
    let mut attempts = 0;
    loop {
        attempts += 1;
        if queue.failed(1, &failure(Scope::Receiver), at(now), 0.0) {
            break;
        }
        let wake = queue.wake_at().unwrap();
        now = wake.duration_since(at(0)).unwrap().as_secs();
        assert_eq!(due(&queue, now), Some(1));
    }
    assert_eq!(now, MAX_AGE.as_secs());
    assert!((80..90).contains(&attempts), "{attempts}");
    assert_eq!((queue.waiting(), queue.wake_at()), (0, None));
}

#[test]
fn a_full_queue_first_drops_a_finished_outage_and_its_recovery() {
    let mut queue = Queue::default();
    queue.push(row(AlertKind::LoggedOut, 0), at(0));
    queue.push(row(AlertKind::ConnectionLost, 0), at(0));
    queue.push(row(AlertKind::Recovered, 0), at(0));
    for _ in 3..MAX_WAITING {
        queue.push(row(AlertKind::LoggedOut, 0), at(0));
    }
    assert_eq!(queue.push(row(AlertKind::LoggedOut, 9), at(9)), 2);
    assert_eq!(due(&queue, 9), Some(1), "the oldest alert is still queued");
    queue.push(row(AlertKind::LoggedOut, 9), at(9));
    assert_eq!(queue.push(row(AlertKind::LoggedOut, 9), at(9)), 1);
    assert_ne!(due(&queue, 9), Some(1), "the oldest alert was dropped");
}

#[test]
fn random_operations_keep_the_bounds_and_match_what_was_written() {
    for seed in 0..50 {
        let mut random = Rng::with_seed(seed);
        let mut queue = Queue::default();
        let mut written: BTreeMap<u64, Row> = BTreeMap::new();
        let mut ended = BTreeSet::new();
        for second in 0..400 {
            match random.u8(..4) {
                0 | 1 => {
                    let kind = if random.bool() {
                        AlertKind::Recovered
                    } else {
                        AlertKind::Outdated
                    };
                    queue.push(row(kind, second), at(second));
                }
                _ => {
                    if let Some(number) = due(&queue, second) {
                        assert!(
                            !ended.contains(&number),
                            "seed {seed}: attempted after it was finished"
                        );
                        let scope =
                            [Scope::Receiver, Scope::Alert, Scope::Final][random.usize(..3)];
                        if random.bool() {
                            queue.delivered(number, at(second));
                            ended.insert(number);
                        } else if queue.failed(number, &failure(scope), at(second), random.f64()) {
                            ended.insert(number);
                        }
                    }
                }
            }
            for (number, row) in queue.take_changes() {
                match row {
                    Some(row) => written.insert(number, row),
                    None => written.remove(&number),
                };
            }
            assert_eq!(written, queue.rows, "seed {seed}");
            assert!(
                queue.waiting() <= MAX_WAITING && queue.rows.len() <= MAX_WAITING + MAX_FINISHED
            );
            if random.u8(..20) == 0 {
                let numbers = queue.last;
                let rows = written.clone().into_iter().collect();
                queue = Queue::new(rows, at(second));
                assert_eq!(
                    queue.last, numbers,
                    "seed {seed}: a number was assigned twice"
                );
            }
        }
    }
}
