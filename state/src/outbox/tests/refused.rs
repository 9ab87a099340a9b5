//! Refusals by WhatsApp's server.

use openclaw_types::SendReason;

use super::*;

const PAUSE: u64 = 15 * 60;

#[tokio::test]
async fn a_temporary_refusal_is_retried_with_growing_delays_and_the_same_id() {
    let world = World::new();
    let progress = world.direct("t", ANNA, "hi", at(0)).unwrap();
    let id = world.hand_over(at(0)).await;
    let mut now = 0;
    for delay in [2, 4, 8, 16, 32, 60, 60] {
        assert!(world.outbox.refused(&id, Nack(503), at(now)));
        assert!(!progress.borrow().has_reached(SendState::ServerAck));
        let next = at(now + delay);
        assert!(matches!(world.turn(at(now)), Err(Some(due)) if due == next));
        now += delay;
        assert_eq!(world.hand_over(at(now)).await, id);
    }
    assert!(world.acked(&id, at(now)));
    let sent = progress.borrow().sent.clone();
    assert_eq!((sent.state, sent.nack), (SendState::ServerAck, None));
    assert!(
        !world.outbox.refused(&id, Nack(500), at(now)),
        "the message is final"
    );
}

#[tokio::test]
async fn an_abandoned_direct_message_is_not_retried() {
    let world = World::new();
    drop(world.direct("gone", ANNA, "hi", at(0)).unwrap());
    let id = world.hand_over(at(0)).await;
    world.outbox.refused(&id, Nack(500), at(1));
    assert!(
        matches!(world.turn(at(99)), Err(None)),
        "refused after it was sent"
    );

    let waiting = world.direct("leaves", BERT, "hi", at(100)).unwrap();
    let id = world.hand_over(at(100)).await;
    world.outbox.refused(&id, Nack(429), at(100));
    drop(waiting);
    assert!(
        matches!(world.turn(at(199)), Err(None)),
        "another message was sent meanwhile"
    );

    let ended = world.direct("ends", BERT, "ho", at(200)).unwrap();
    let id = world.hand_over(at(200)).await;
    world.outbox.refused(&id, Nack(552), at(200));
    world.outbox.give_up(&"ends".parse().unwrap());
    let stopped = ended.borrow().stopped;
    assert_eq!(stopped, Some(AttemptError::ServerError(Nack(552))));
    assert!(matches!(world.turn(at(299)), Err(None)));
    // A retry with the same token sends it again with the same id.
    world.direct("ends", BERT, "ho", at(300)).unwrap();
    assert_eq!(world.hand_over(at(300)).await, id);
}

#[tokio::test]
async fn payloads_kept_for_a_refusal_are_bounded() {
    let world = World::new();
    let text = "x".repeat(60_000);
    let mut sent = Vec::new();
    for n in 0..20 {
        let progress = world.direct(&format!("t{n}"), ANNA, &text, at(0)).unwrap();
        sent.push((world.hand_over(at(0)).await, progress));
    }
    let held = |world: &World| {
        let state = world.outbox.state();
        let texts = state.messages.in_line().filter_map(|it| it.payload.clone());
        texts.map(|text| text.as_bytes().len()).sum::<usize>()
    };
    assert!(held(&world) <= 1 << 20, "{}", held(&world));
    // The last payload was dropped: its caller must retry.
    let (id, progress) = sent.pop().unwrap();
    world.outbox.refused(&id, Nack(503), at(1));
    let stopped = progress.borrow().stopped;
    assert_eq!(stopped, Some(AttemptError::ServerError(Nack(503))));
    // Payloads are not kept for acks that never arrive.
    world.outbox.expire(at(30));
    assert_eq!(held(&world), 0);
}

#[tokio::test]
async fn a_restriction_is_final_for_a_while_and_its_token_is_not_stuck() {
    for code in [463, 475] {
        let mut world = World::new();
        drop(world.direct("t", ANNA, "hi", at(0)).unwrap());
        let id = world.hand_over(at(0)).await;
        world.outbox.refused(&id, Nack(code), at(0));
        for now in [1, PAUSE - 1] {
            world.restart();
            let progress = world.direct("t", ANNA, "hi", at(now)).unwrap();
            let progress = progress.borrow().clone();
            assert_eq!(progress.sent.state, SendState::Failed);
            let failure = progress.sent.failure;
            assert_eq!(failure, Some(SendReason::Restricted));
            assert_eq!(progress.sent.nack, Some(Nack(code)));
            assert_eq!(progress.again_at, Some(at(PAUSE)));
            assert!(matches!(world.turn(at(now)), Err(None)));
        }
        let progress = world.direct("t", ANNA, "hi", at(PAUSE)).unwrap();
        assert_eq!(world.hand_over(at(PAUSE)).await, id);
        assert!(world.acked(&id, at(PAUSE)));
        assert_eq!(progress.borrow().sent.failure, None);
    }
}

#[tokio::test]
async fn a_queued_message_waits_until_the_restriction_ends_or_is_tried_after_a_pause() {
    let mut world = World::new();
    world.queued("t", ANNA, at(0)).unwrap();
    let id = world.hand_over(at(0)).await;
    world.outbox.refused(&id, Nack(463), at(1));
    let waiting = &world.outbox.queued()[0];
    assert_eq!(waiting.last_error, Some(AttemptError::Restricted));
    assert_eq!(waiting.nack, Some(Nack(463)));
    assert!(world.turn(at(PAUSE)).is_err());
    let delivery = world.turn(at(PAUSE + 1)).unwrap();
    // The link's state shows that it still lasts.
    world
        .outbox
        .report(&delivery, Err(AttemptError::Restricted), at(PAUSE + 1));
    assert!(world.turn(at(PAUSE + 2)).is_err());
    world.outbox.restriction_ended(at(PAUSE + 3));
    assert_eq!(world.hand_over(at(PAUSE + 3)).await, id);
    assert!(world.acked(&id, at(PAUSE + 4)));
    world.outbox.restriction_ended(at(PAUSE + 5));
    assert!(world.turn(at(PAUSE + 5)).is_err());
    world.restart();
    assert!(world.turn(at(2 * PAUSE + 9)).is_err(), "it was sent");
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_never_fails_as_not_sent() {
    for (error, why) in [
        (AttemptError::NotAllowedTo, "not_allowed_to"),
        (AttemptError::NotOnWhatsApp, "not_on_whatsapp"),
        (AttemptError::FileGone, "file_gone"),
    ] {
        for handed_over in [false, true] {
            let world = World::new();
            world.queued("t", ANNA, at(0)).unwrap();
            if handed_over {
                world.hand_over(at(0)).await;
                world.outbox.connection_lost(at(1));
            }
            let delivery = world.turn(at(60)).unwrap();
            world.outbox.report(&delivery, Err(error), at(60));
            let outcome = world.outcomes().await.pop().unwrap();
            let why = if handed_over { "unconfirmed" } else { why };
            assert_eq!(outcome.2, why);
        }
    }
}

#[tokio::test]
async fn messages_held_by_a_restriction_use_up_no_pace() {
    let pacing = Pacing {
        per_minute: 6,
        burst: 5,
    };
    let world = World::with(Limits { pacing, queue: 200 });
    for n in 1_000..1_100 {
        let stranger = format!("+1555010{n:04}");
        world.queued(&format!("t{n}"), &stranger, at(0)).unwrap();
    }
    world.queued("known", ANNA, at(0)).unwrap();
    for _ in 0..100 {
        let delivery = world.turn(at(1)).unwrap();
        assert_ne!(delivery.to, ANNA.parse().unwrap());
        world
            .outbox
            .report(&delivery, Err(AttemptError::Restricted), at(1));
    }
    assert_eq!(world.turn(at(1)).unwrap().to, ANNA.parse().unwrap());
}

#[tokio::test]
async fn a_queued_message_refused_until_its_deadline_fails() {
    let mut world = World::new();
    world.queued("t", ANNA, at(0)).unwrap();
    let id = world.hand_over(at(1)).await;
    world.outbox.refused(&id, Nack(503), at(2));
    let waiting = world.outbox.queued();
    assert_eq!(waiting[0].nack, Some(Nack(503)));
    assert_eq!(
        waiting[0].last_error,
        Some(AttemptError::ServerError(Nack(503)))
    );
    world.restart();
    world.outbox.expire(at(3601));
    let outcomes = world.outcomes().await;
    assert_eq!(
        outcomes[0].2, "expired",
        "not `unconfirmed`: the server does not have it"
    );
}

#[tokio::test]
async fn a_message_to_oneself_is_read_with_the_servers_ack() {
    let mut world = World::new();
    let (token, own) = request("t", ME, "hi");
    let own = SubmitRequest {
        is_own: true,
        ..own
    };
    world.outbox.submit(&token, own, at(0)).unwrap();
    let id = world.hand_over(at(0)).await;
    world.restart();
    assert!(world.acked(&id, at(1)));
    assert_eq!(world.outcomes().await[0].1, SendState::Read);
}
