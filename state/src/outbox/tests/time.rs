//! Stored times after a restart.

use super::*;

const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn paced() -> Limits {
    Limits {
        pacing: Pacing {
            per_minute: 60,
            burst: 2,
        },
        queue: 10,
    }
}

#[tokio::test]
async fn a_handover_time_in_the_future_counts_as_now() {
    for ahead in [0, 3_600, 365 * 86_400] {
        let mut world = World::with(paced());
        for n in 0..2 {
            let now = at(10_000 + ahead);
            world.direct(&n.to_string(), ANNA, "hi", now).unwrap();
            world.hand_over(now).await;
        }
        world.restart_at(at(10_000), Duration::ZERO);
        let refused = world.direct("t", BERT, "hi", at(10_000)).unwrap_err();
        assert_eq!(refused, SubmitDenied::Paced(at(10_001)), "{ahead}");
        world.direct("t", BERT, "hi", at(10_001)).unwrap();
    }
}

#[tokio::test]
async fn a_token_expires_in_agent_time_and_not_by_the_system_clock() {
    let mut world = World::new();
    world.direct("t", ANNA, "hi", at(0)).unwrap();
    let id = world.hand_over(at(0)).await;
    world.acked(&id, at(0));
    // The system clock is a year ahead; agent time is not.
    world.restart_at(at(60), 52 * WEEK);
    world.direct("u", BERT, "hi", at(60)).unwrap();
    let known = world.direct("t", ANNA, "hi", at(61)).unwrap();
    assert_eq!(
        known.borrow().sent.id,
        id,
        "the same token is the same message"
    );
    world.direct("v", BERT, "hi", at(60) + WEEK).unwrap();
    let anew = world.direct("t", ANNA, "hi", at(61) + WEEK).unwrap();
    assert_eq!(anew.borrow().sent.state, SendState::Accepted);
}

#[tokio::test]
async fn a_restart_does_not_extend_a_messages_deadline() {
    let mut world = World::new();
    world.queued("a", ANNA, at(0)).unwrap();
    world.queued("b", BERT, at(3_000)).unwrap();
    world.outbox.durable().await;
    // Part of the downtime is not counted in agent time, but the deadline was meant in wall-clock time.
    world.restart_at(at(3_000), Duration::from_secs(1_200));
    world.outbox.expire(at(3_000));
    let outcomes = world.outcomes().await;
    let failed = ("a".to_owned(), SendState::Failed, "expired".to_owned());
    assert_eq!(outcomes, [failed]);
    // The adjustment is stored, and not applied a second time.
    world.restart_at(at(3_000), Duration::ZERO);
    let queued = world.outbox.queued();
    assert_eq!(queued.len(), 1);
    assert_eq!(queued[0].until, at(3_000 + 3_600 - 1_200));
}
