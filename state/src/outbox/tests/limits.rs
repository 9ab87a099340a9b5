//! Which messages are rejected, and which are deleted.

use super::*;

#[tokio::test]
async fn a_rejected_message_leaves_nothing_behind() {
    let world = World::with(Limits {
        pacing: Pacing {
            per_minute: 60,
            burst: 1,
        },
        queue: 1,
    });
    let (token, unconnected) = request("t", ANNA, "hi");
    let unconnected = SubmitRequest {
        down: Some(unreachable()),
        ..unconnected
    };
    let refused = world.outbox.submit(&token, unconnected, at(0)).unwrap_err();
    assert_eq!(refused, SubmitDenied::NotConnected(unreachable()));
    world.direct("t", ANNA, "another", at(0)).unwrap();
    let refused = world.direct("u", BERT, "hi", at(0)).unwrap_err();
    assert_eq!(refused, SubmitDenied::Paced(at(1)));
    world.direct("u", BERT, "another", at(1)).unwrap();
    world.queued("v", BERT, at(1)).unwrap();
    let refused = world.queued("w", BERT, at(1)).unwrap_err();
    assert_eq!(refused, SubmitDenied::QueueFull(1));
    world.queued("v", BERT, at(1)).unwrap();
}

#[tokio::test]
async fn a_restart_does_not_reset_the_rate_limit() {
    let mut world = World::with(Limits {
        pacing: Pacing {
            per_minute: 60,
            burst: 2,
        },
        queue: 10,
    });
    for n in 0..2 {
        world.direct(&n.to_string(), ANNA, "hi", at(0)).unwrap();
        world.hand_over(at(0)).await;
    }
    world.restart();
    let refused = world.direct("t", BERT, "hi", at(0)).unwrap_err();
    assert_eq!(refused, SubmitDenied::Paced(at(1)));
}

#[tokio::test]
async fn the_oldest_token_is_deleted_first_and_queued_ones_never() {
    const MANY: usize = 4200;
    let mut world = World::new();
    world.queued("kept", BERT, at(0)).unwrap();
    let mut ids = Vec::new();
    for n in 0..MANY {
        world.direct(&format!("t{n}"), ANNA, "hi", at(0)).unwrap();
        let delivery = loop {
            let delivery = world.turn(at(0)).unwrap();
            if delivery.to == ANNA.parse().unwrap() {
                break delivery;
            }
            world
                .outbox
                .report(&delivery, Err(AttemptError::NotEncrypted), at(0));
        };
        // Skips the fsync, which this test does not need.
        world.outbox.report(&delivery, Ok(()), at(0));
        world.acked(&delivery.id, at(0));
        ids.push(delivery.id);
    }
    world.restart();
    let state = world.outbox.state();
    assert!(state.messages.by_id(&ids[0]).is_none());
    assert!(state.messages.by_id(&ids[MANY - 1]).is_some());
    assert!(state.messages.by_token(&"kept".parse().unwrap()).is_some());
    drop(state);
    let week = Duration::from_secs(8 * 24 * 60 * 60);
    world.direct("new", ANNA, "hi", at(0) + week).unwrap();
    let mut state = world.outbox.state();
    assert!(state.messages.by_id(&ids[MANY - 1]).is_none());
    let kept = state.messages.by_token(&"kept".parse().unwrap());
    assert!(kept.and_then(|order| state.messages.get(order)).is_some());
}
