//! Tests of the alert rules: scripted link histories, and thousands of random ones.

use fastrand::Rng;
use openclaw_types::{Account, DeviceName};

use super::*;

const AFTER: Duration = Duration::from_secs(300);
const RULES: Rules = Rules { after: AFTER };

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn link(state: LinkState, seconds: u64) -> Link {
    let linked = !matches!(state, LinkState::Unlinked | LinkState::Linking);
    Link {
        state,
        since: at(seconds),
        account: linked.then(|| Account {
            phone: "+15550100123".parse().unwrap(),
            lid: None,
            linked_at: at(0),
            device: DeviceName::default(),
        }),
        reason: None,
        code: None,
        expires_at: None,
        restriction: None,
    }
}

/// Plays a link history, given as states with the second at which each begins, and evaluates the rules at every state
/// change and whenever they ask for it. Returns the alerts with their times.
fn life(history: &mut LinkHistory, states: &[(u64, LinkState)], end: u64) -> Vec<(u64, AlertKind)> {
    let mut alerts = Vec::new();
    let mut before: Option<Link> = None;
    for (index, (from, state)) in states.iter().enumerate() {
        let until = states.get(index + 1).map_or(end, |(next, _)| *next);
        let link = link(*state, *from);
        if let Some(before) = &before {
            history.left(before, at(*from));
        }
        let mut now = at(*from);
        loop {
            if let Some(notice) = RULES.on(history, &link, now) {
                let second = now.duration_since(at(0)).unwrap().as_secs();
                alerts.push((second, notice.kind));
            }
            match RULES.wake_at(history, &link) {
                Some(wake) if wake > now && wake < at(until) => now = wake,
                _ => break,
            }
        }
        before = Some(link);
    }
    alerts
}

const BACKING_OFF: LinkState = LinkState::BackingOff {
    attempt: 1,
    until: SystemTime::UNIX_EPOCH,
};

#[test]
fn a_restriction_is_alerted_at_its_begin_and_at_its_end() {
    let mut history = LinkHistory::default();
    let free = link(LinkState::Connected, 0);
    let restricted = |since| Link {
        restriction: Some(openclaw_types::Restriction {
            nack: openclaw_types::Nack(463),
            name: String::new(),
            since: at(since),
            until: None,
            confirmed: true,
        }),
        ..free.clone()
    };
    let mut on = |link: &Link| {
        let notice = Rules::on_restriction(&mut history, link);
        notice.map(|notice| (notice.kind, notice.since))
    };
    assert_eq!(on(&free), None);
    assert_eq!(on(&restricted(5)), Some((AlertKind::Restricted, at(5))));
    assert_eq!(on(&restricted(9)), None, "it has become longer");
    assert_eq!(on(&free), Some((AlertKind::Unrestricted, at(5))));
    assert_eq!(on(&restricted(20)), Some((AlertKind::Restricted, at(20))));
    assert_eq!(on(&link(LinkState::Unlinked, 30)), None, "while it starts");
    assert_eq!(on(&restricted(20)), None);
    assert_eq!(on(&free), Some((AlertKind::Unrestricted, at(20))));
    assert!(on(&restricted(40)).is_some());
    let mut other = free.clone();
    if let Some(account) = &mut other.account {
        account.phone = "+15550100124".parse().unwrap();
    }
    assert_eq!(on(&other), None, "another account");
    assert_eq!(on(&free), None);
}

#[test]
fn a_verdict_is_alerted_at_once_and_once() {
    for (state, kind) in [
        (LinkState::LoggedOut, AlertKind::LoggedOut),
        (LinkState::Replaced, AlertKind::Replaced),
        (LinkState::Banned { until: None }, AlertKind::Banned),
        (LinkState::Outdated, AlertKind::Outdated),
    ] {
        let mut history = LinkHistory::default();
        let states = [(0, LinkState::Connected), (7, state), (900, state)];
        assert_eq!(life(&mut history, &states, 9_999), [(7, kind)]);
        // A restarted process sees the same state.
        assert_eq!(life(&mut history, &[(10_000, state)], 99_999), []);
    }
}

#[test]
fn a_lost_connection_is_alerted_after_its_delay_in_any_states() {
    let mut history = LinkHistory::default();
    let states = [
        (0, LinkState::Connected),
        (10, LinkState::Connecting),
        (20, BACKING_OFF),
        (40, LinkState::Connecting),
        (45, BACKING_OFF),
        (2_000, LinkState::Connected),
    ];
    let alerts = life(&mut history, &states, 3_000);
    assert_eq!(
        alerts,
        [
            (310, AlertKind::ConnectionLost),
            (2_060, AlertKind::Recovered)
        ]
    );
}

#[test]
fn a_short_outage_raises_no_alert() {
    let mut history = LinkHistory::default();
    let states = [
        (0, LinkState::Connected),
        (10, BACKING_OFF),
        (309, LinkState::Connected),
        (400, BACKING_OFF),
        (699, LinkState::Connected),
    ];
    assert_eq!(life(&mut history, &states, 9_999), []);
}

/// A link that is repeatedly up for `up` and down for `down` seconds, from second 10 on.
fn flaps(up: u64, down: u64, until: u64) -> Vec<(u64, LinkState)> {
    let mut states = vec![(0, LinkState::Connected)];
    let mut now = 10;
    while now < until {
        states.extend([(now, BACKING_OFF), (now + down, LinkState::Connected)]);
        now += down + up;
    }
    states
}

#[test]
fn a_flapping_link_raises_one_alert_and_one_recovery_once_it_is_stable() {
    for (up, down) in [(2, 20), (1, 1), (2, 1), (59, 3), (50, 250)] {
        let states = flaps(up, down, 2_000);
        let (last, _) = *states.last().unwrap();
        let alerts = life(&mut LinkHistory::default(), &states, 9_999);
        let kinds: Vec<AlertKind> = alerts.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(
            kinds,
            [AlertKind::ConnectionLost, AlertKind::Recovered],
            "{up} {down}"
        );
        let (lost, recovered) = (alerts[0].0, alerts[1].0);
        assert!((310..=310 + up).contains(&lost), "{up} {down}: at {lost}");
        assert_eq!(recovered, last + 60, "{up} {down}");
    }
}

#[test]
fn short_outages_between_stable_times_raise_no_alert() {
    for (up, down) in [(60, 3), (120, 200), (3_600, 299)] {
        let states = flaps(up, down, 20_000);
        assert_eq!(life(&mut LinkHistory::default(), &states, 99_999), []);
    }
}

#[test]
fn an_unstable_recovery_is_not_reported_even_over_restarts() {
    let mut history = LinkHistory::default();
    let mut alerts = life(&mut history, &[(0, LinkState::Connected)], 100);
    for start in (100..1_000).step_by(20) {
        let row = serde_json::to_vec(&history).unwrap();
        history = serde_json::from_slice(&row).unwrap();
        let states = [
            (start, LinkState::Connecting),
            (start + 5, LinkState::Connected),
        ];
        alerts.extend(life(&mut history, &states, start + 19));
    }
    // The outage counts from the last stored time at which the link was up, which is stored once a minute.
    assert_eq!(alerts, [(360, AlertKind::ConnectionLost)]);
    let states = [
        (2_000, LinkState::Connecting),
        (2_005, LinkState::Connected),
    ];
    let alerts = life(&mut history, &states, 3_000);
    assert_eq!(alerts, [(2_065, AlertKind::Recovered)]);
}

#[test]
fn the_settle_time_is_never_longer_than_the_alert_delay() {
    let settle = |after| {
        Rules {
            after: Duration::from_secs(after),
        }
        .settle()
            / 1_000
    };
    let settles = [1, 10, 30, 60, 150, 300, 3_600].map(settle);
    assert_eq!(settles, [1, 10, 30, 30, 30, 60, 60]);
}

#[test]
fn a_worse_state_is_alerted_after_a_lost_connection_and_one_recovery_ends_both() {
    let mut history = LinkHistory::default();
    let states = [
        (0, LinkState::Connected),
        (10, BACKING_OFF),
        (1_000, LinkState::LoggedOut),
        (2_000, LinkState::Linking),
        (2_010, LinkState::Connecting),
        (2_500, LinkState::Connected),
    ];
    assert_eq!(
        life(&mut history, &states, 3_000),
        [
            (310, AlertKind::ConnectionLost),
            (1_000, AlertKind::LoggedOut),
            (2_560, AlertKind::Recovered)
        ]
    );
}

#[test]
fn downtime_of_the_process_counts_and_a_new_process_may_reconnect_first() {
    let mut history = LinkHistory::default();
    assert_eq!(life(&mut history, &[(0, LinkState::Connected)], 100), []);
    // Killed at 100 s; the next process starts an hour later and connects at once: no alert.
    let mut quick = history.clone();
    let states = [
        (3_600, LinkState::Connecting),
        (3_603, LinkState::Connected),
    ];
    assert_eq!(life(&mut quick, &states, 4_000), []);
    // If it does not connect, the alert for the hour-long outage follows after the reconnect time, not after five
    // more minutes.
    let mut slow = history.clone();
    let alerts = life(&mut slow, &[(3_600, LinkState::Connecting)], 4_000);
    assert_eq!(alerts, [(3_630, AlertKind::ConnectionLost)]);
    // A process that crashes repeatedly does not restart that wait each time.
    let mut alerts = Vec::new();
    for start in (3_600..4_000).step_by(10) {
        alerts.extend(life(
            &mut history,
            &[(start, LinkState::Connecting)],
            start + 9,
        ));
    }
    assert_eq!(alerts, [(3_630, AlertKind::ConnectionLost)]);
}

#[test]
fn an_unlinked_or_stopping_agent_raises_no_alert() {
    let mut history = LinkHistory::default();
    let states = [(0, LinkState::Unlinked), (5_000, LinkState::Linking)];
    assert_eq!(life(&mut history, &states, 9_000), []);
    let mut stopping = link(LinkState::Connecting, 9_000);
    stopping.reason = Some(Reason::Stopping);
    assert_eq!(RULES.on(&mut history, &stopping, at(99_000)), None);
    assert_eq!(history, LinkHistory::default());
}

#[test]
fn a_clock_set_back_neither_speeds_up_nor_prevents_an_alert() {
    let mut history = LinkHistory::default();
    assert_eq!(
        life(&mut history, &[(5_000, LinkState::Connected)], 5_100),
        []
    );
    let alerts = life(&mut history, &[(100, BACKING_OFF)], 9_000);
    assert_eq!(alerts, [(400, AlertKind::ConnectionLost)]);
}

#[test]
fn over_random_restarts_no_alert_is_duplicated_early_or_without_cause() {
    for seed in 0..2_000 {
        let mut random = Rng::with_seed(seed);
        let mut history = LinkHistory::default();
        let mut open: Option<AlertKind> = None;
        // The bounds for the start of the outage: the earliest, and the latest if no one observed that the link had
        // become stable.
        let mut earliest: Option<u64> = None;
        let mut latest: Option<u64> = None;
        let mut up_since: Option<u64> = None;
        let mut now = 1_000;
        let mut link_now = link(LinkState::Unlinked, now);
        for _ in 0..200 {
            let wake = RULES.wake_at(&history, &link_now);
            let step = random.u64(1..400);
            let woken = wake.map(|wake| wake.duration_since(at(0)).map_or(0, |at| at.as_secs()));
            let looks_again = woken.is_some_and(|woken| woken > now && woken < now + step);
            let before = link_now.clone();
            if looks_again {
                now = woken.unwrap();
            } else {
                now += step;
                link_now = link(any_state(&mut random), now);
            }
            // A restart: whatever is not durable is lost, and no one observed that the link went down.
            let restarted = random.u8(..10) == 0;
            if restarted {
                let row = serde_json::to_vec(&history).unwrap();
                history = serde_json::from_slice(&row).unwrap();
            } else if link_now.state != LinkState::Connected {
                history.left(&before, at(now));
            }
            if restarted {
                up_since = None;
            }
            let settle = RULES.settle() / 1_000;
            let held = up_since.map_or(0, |since| now - since);
            match Seen::of(&link_now) {
                Seen::Down => {
                    if held >= settle {
                        latest = None;
                    }
                    earliest.get_or_insert(now);
                    latest.get_or_insert(now);
                    up_since = None;
                }
                Seen::Up => {
                    up_since.get_or_insert(now);
                }
                _ => (earliest, latest, up_since) = (None, None, None),
            }
            let held = up_since.map_or(0, |since| now - since);
            if held >= settle {
                (earliest, latest) = (None, None);
            }
            let notice = RULES.on(&mut history, &link_now, at(now));
            match (notice.map(|notice| notice.kind), Seen::of(&link_now)) {
                (Some(AlertKind::Recovered), Seen::Up) => {
                    assert!(
                        open.take().is_some(),
                        "seed {seed}: a recovery without an outage"
                    );
                    assert!(held >= settle, "seed {seed}: the link is not stable yet");
                }
                (Some(kind), Seen::Verdict(verdict)) => {
                    assert_eq!(kind, verdict);
                    assert_ne!(open.replace(kind), Some(kind), "seed {seed}: twice");
                }
                (Some(AlertKind::ConnectionLost), Seen::Down) => {
                    assert_eq!(open.replace(AlertKind::ConnectionLost), None, "seed {seed}");
                    let noticed = now - earliest.unwrap();
                    assert!(
                        noticed >= RECONNECT_TIME.as_secs(),
                        "seed {seed}: no time to reconnect"
                    );
                }
                (None, Seen::Up) => {
                    assert!(
                        open.is_none() || held < settle,
                        "seed {seed}: a recovery is missing"
                    );
                }
                (None, Seen::Verdict(kind)) => assert_eq!(open, Some(kind), "seed {seed}: owed"),
                (None, Seen::Down) => {
                    let lasted = now - latest.unwrap();
                    let owed = lasted >= AFTER.as_secs() && open.is_none();
                    assert!(!owed, "seed {seed}: down for {lasted} s without an alert");
                }
                (None, Seen::Nothing) => {}
                (notice, seen) => panic!("seed {seed}: {notice:?} while {seen:?}"),
            }
        }
    }
}

fn any_state(random: &mut Rng) -> LinkState {
    match random.u8(..10) {
        0 => LinkState::LoggedOut,
        1 => LinkState::Replaced,
        2 => LinkState::Outdated,
        3 => LinkState::Banned { until: None },
        4 => LinkState::Linking,
        5 => LinkState::Unlinked,
        6 => LinkState::Connecting,
        7 => BACKING_OFF,
        _ => LinkState::Connected,
    }
}
