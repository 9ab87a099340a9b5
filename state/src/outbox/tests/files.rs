//! Messages with files: an attempt may take minutes, and others go on meanwhile.

use super::*;

#[tokio::test]
async fn a_queued_message_waits_for_the_file_of_the_one_before_to_the_same_recipient() {
    let world = World::new();
    for (token, to) in [("a", ANNA), ("b", ANNA), ("c", BERT)] {
        world.queued(token, to, at(0)).unwrap();
    }
    let first = world.turn(at(1)).unwrap();
    let other = world.turn(at(1)).unwrap();
    assert_eq!(other.to, BERT.parse().unwrap());
    assert!(world.turn(at(1)).is_err(), "the second to Anna comes first");
    world.outbox.hand_over(&first, at(2)).await;
    world.outbox.report(&first, Ok(()), at(2));
    assert_eq!(world.turn(at(2)).unwrap().to, ANNA.parse().unwrap());
}

#[tokio::test]
async fn a_file_that_is_not_taken_fails_at_once_and_one_that_does_not_arrive_is_tried_again() {
    let world = World::new();
    for (token, error) in [
        ("a", AttemptError::FileRefused(413)),
        ("b", AttemptError::FileGone),
        ("c", AttemptError::NotUploaded),
    ] {
        world.queued(token, ANNA, at(0)).unwrap();
        let delivery = world.turn(at(1)).unwrap();
        world.outbox.report(&delivery, Err(error), at(1));
    }
    let reasons: Vec<_> = world.outcomes().await;
    let failed = |token: &str, why: &str| (token.to_owned(), SendState::Failed, why.to_owned());
    let expected = [failed("a", "file_refused"), failed("b", "file_gone")];
    assert_eq!(reasons, expected);
    assert!(world.turn(at(60)).is_ok());
}

#[tokio::test]
async fn what_becomes_of_a_message_is_known_by_its_token() {
    let world = World::new();
    let progress = |token: &str| world.outbox.progress_of(&token.parse().unwrap());
    assert_eq!(progress("a"), None);
    world.queued("a", ANNA, at(0)).unwrap();
    assert_eq!(progress("a"), Some(SendState::Accepted));
    let id = world.hand_over(at(1)).await;
    world.acked(&id, at(2));
    assert_eq!(progress("a"), Some(SendState::ServerAck));
    let _caller = world.direct("b", BERT, "hi", at(3)).unwrap();
    let delivery = world.turn(at(3)).unwrap();
    assert_eq!(progress("b"), Some(SendState::Accepted));
    let lost = Err(AttemptError::ConnectionLost);
    world.outbox.report(&delivery, lost, at(3));
    // Nothing happens to it unless its caller calls again.
    assert_eq!(progress("b"), None);
}

#[tokio::test]
async fn a_caller_sees_that_the_file_is_on_its_way() {
    let world = World::new();
    let caller = world.direct("a", ANNA, "hi", at(0)).unwrap();
    let delivery = world.turn(at(0)).unwrap();
    assert!(!caller.borrow().transferring);
    world.outbox.set_transferring(&delivery, true);
    assert!(caller.borrow().transferring);
    world.outbox.set_transferring(&delivery, false);
    assert!(!caller.borrow().transferring);
}
