//! The hold of sends after a rollback of the store.

use openclaw_vault::Epoch;

use super::*;

fn epoch(generation: u64, id: u64, commits: u64) -> Epoch {
    Epoch {
        generation,
        id,
        commits,
    }
}

const KNOWN: fn() -> [Epoch; 2] = || [epoch(3, 30, 9), epoch(4, 40, 5)];

#[tokio::test]
async fn a_rolled_back_store_holds_sends_over_restarts() {
    for seen in [epoch(5, 50, 0), epoch(4, 41, 1), epoch(3, 30, 10)] {
        let mut world = World::new();
        world.queued("kept", ANNA, at(0)).unwrap();
        let waiting = world.direct("waits", BERT, "hi", at(0)).unwrap();
        assert!(world.outbox.report_seen(seen, &KNOWN(), at(1)).is_some());
        assert_eq!(waiting.borrow().stopped, Some(AttemptError::Held));
        for _ in 0..2 {
            assert_eq!(world.outbox.hold().map(|hold| hold.since), Some(at(1)));
            assert_eq!(
                world.direct("t", BERT, "hi", at(2)).err(),
                Some(SubmitDenied::Held)
            );
            assert_eq!(
                world.queued("u", BERT, at(2)).err(),
                Some(SubmitDenied::Held)
            );
            assert!(matches!(world.turn(at(2)), Err(Some(_))), "only a deadline");
            assert!(world.outbox.queued()[0].held);
            world.restart();
        }
        assert!(world.outbox.end_hold());
        assert!(!world.outbox.end_hold());
        world.hand_over(at(3)).await;
        world.direct("waits", BERT, "another", at(3)).unwrap();
    }
}

#[tokio::test]
async fn a_decided_rollback_causes_no_second_hold_but_another_one_does() {
    let mut world = World::new();
    let report = |world: &World, seen| world.outbox.report_seen(seen, &KNOWN(), at(1)).is_some();
    for seen in [epoch(5, 50, 7), epoch(6, 60, 7)] {
        assert!(report(&world, seen));
    }
    world.outbox.end_hold();
    for _ in 0..2 {
        for seen in [epoch(5, 50, 7), epoch(5, 50, 99), epoch(6, 60, 7)] {
            assert!(!report(&world, seen), "{seen:?}");
        }
        world.restart();
    }
    for other in [epoch(5, 51, 7), epoch(7, 70, 0), epoch(3, 30, 10)] {
        assert!(report(&world, other), "{other:?}");
        world.outbox.end_hold();
    }
}

#[tokio::test]
async fn a_store_without_a_rollback_causes_no_hold() {
    let world = World::new();
    for seen in [
        epoch(4, 40, 5),
        epoch(4, 40, 0),
        epoch(3, 30, 9),
        epoch(1, 10, 99),
    ] {
        assert_eq!(world.outbox.report_seen(seen, &KNOWN(), at(1)), None);
    }
    assert_eq!(world.outbox.report_seen(epoch(9, 9, 9), &[], at(1)), None);
    world.direct("t", ANNA, "hi", at(2)).unwrap();
}
