//! Tests of the outbox, with a store on a disk.

mod earlier;
mod files;
mod hold;
mod limits;
mod refused;
mod time;

use std::time::Duration;

use openclaw_types::{Draft, MessageRef, Nack, Outgoing, Seq};

use super::*;
use crate::journal;
use crate::vault::trial::Volume;

const ME: &str = "+15550100001";
const ANNA: &str = "+15550100002";
const BERT: &str = "+15550100003";
const HOUR: Duration = Duration::from_secs(3600);

/// An outbox that can be killed and restarted.
struct World {
    volume: Volume,
    limits: Limits,
    outbox: Outbox,
    journal: Arc<Journal>,
}

fn journal(vault: &Vault) -> Arc<Journal> {
    let limits = journal::Limits::default();
    Arc::new(Journal::open(vault.clone(), limits, at(0)))
}

impl World {
    fn new() -> Self {
        Self::with(Limits {
            pacing: Pacing {
                per_minute: 0,
                burst: 1,
            },
            queue: 10,
        })
    }

    fn with(limits: Limits) -> Self {
        let volume = Volume::new();
        let journal = journal(&volume.vault);
        Self {
            limits,
            outbox: Outbox::open(volume.vault.clone(), Arc::clone(&journal), limits),
            journal,
            volume,
        }
    }

    fn restart(&mut self) {
        self.restart_at(at(1_000_000), Duration::ZERO);
    }

    /// Restarts at `now`, after a downtime of which `uncounted` has only passed according to the system clock.
    fn restart_at(&mut self, now: SystemTime, uncounted: Duration) {
        self.volume.reopen();
        let vault = self.volume.vault.clone();
        self.journal = journal(&vault);
        self.outbox = Outbox::open(vault, Arc::clone(&self.journal), self.limits);
        self.outbox.resume(now, uncounted);
    }

    fn direct(&self, token: &str, to: &str, text: &str, now: SystemTime) -> Submitted {
        let (token, request) = request(token, to, text);
        self.outbox.submit(&token, request, now)
    }

    fn queued(&self, token: &str, to: &str, now: SystemTime) -> Submitted {
        let (token, request) = request(token, to, "hi");
        let request = SubmitRequest {
            down: Some(unreachable()),
            until: Some(now + HOUR),
            ..request
        };
        self.outbox.submit(&token, request, now)
    }

    fn turn(&self, now: SystemTime) -> Result<Delivery, Option<SystemTime>> {
        self.outbox.turn(&ME.parse().unwrap(), now)
    }

    /// Hands over the next message and returns its id.
    async fn hand_over(&self, now: SystemTime) -> MessageId {
        let delivery = self.turn(now).unwrap();
        self.outbox.hand_over(&delivery, now).await;
        self.outbox.report(&delivery, Ok(()), now);
        delivery.id
    }

    fn acked(&self, id: &MessageId, now: SystemTime) -> bool {
        self.outbox.advance(id, SendState::ServerAck, now, now)
    }

    /// The outcomes reported so far: token, state, reason.
    async fn outcomes(&self) -> Vec<(String, SendState, String)> {
        self.journal.flush().await;
        let page = self.journal.read(Seq(0), 1000);
        let outcomes = page.events.into_iter().map(|event| match event.what {
            EventData::Outcome(SendOutcome { sent, .. }) => (
                sent.token.as_str().to_owned(),
                sent.state,
                sent.failure.map(String::from).unwrap_or_default(),
            ),
            other => panic!("{other:?}"),
        });
        outcomes.collect()
    }
}

fn unreachable() -> Down {
    Down {
        state: LinkState::Connecting,
        hint: String::new(),
    }
}

type Submitted = Result<watch::Receiver<Progress>, SubmitDenied>;

fn request(token: &str, to: &str, text: &str) -> (Token, SubmitRequest) {
    let to: Recipient = to.parse().unwrap();
    let what: Outgoing<MessageRef> = Outgoing::of_text(text.to_owned().try_into().unwrap());
    let payload = what.encode();
    let draft = Draft {
        to: Some(to.clone()),
        what,
        token: None,
    };
    let request = SubmitRequest {
        draft: fingerprint(&draft),
        to,
        payload,
        id: MessageId::new(&format!("ID-{token}-{}", fastrand::u32(..))),
        account: ME.parse().unwrap(),
        down: None,
        until: None,
        is_own: false,
    };
    (token.parse().unwrap(), request)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

#[tokio::test]
async fn a_token_is_one_message_with_one_id_across_restarts() {
    let mut world = World::new();
    world.direct("t", ANNA, "hi", at(0)).unwrap();
    let id = world.hand_over(at(0)).await;
    world.restart();
    assert!(
        matches!(world.turn(at(1)), Err(None)),
        "the caller did not retry"
    );
    world.direct("t", ANNA, "hi", at(1)).unwrap();
    assert_eq!(world.hand_over(at(1)).await, id);
    assert!(world.acked(&id, at(2)));
    world.restart();
    let progress = world.direct("t", ANNA, "hi", at(3)).unwrap();
    assert!(progress.borrow().has_reached(SendState::ServerAck));
    assert_eq!(progress.borrow().sent.server_ack_at, Some(at(2)));
    assert!(
        matches!(world.turn(at(3)), Err(None)),
        "the server has the message"
    );
}

#[tokio::test]
async fn a_token_never_identifies_two_messages_not_even_after_a_restart() {
    let mut world = World::new();
    world.direct("t", ANNA, "hi", at(0)).unwrap();
    world.hand_over(at(0)).await;
    for _ in 0..2 {
        for (to, text) in [(ANNA, "ho"), (BERT, "hi")] {
            let refused = world.direct("t", to, text, at(1)).unwrap_err();
            assert_eq!(refused, SubmitDenied::TokenReused);
        }
        world.restart();
    }
}

#[tokio::test]
async fn a_message_that_never_reached_the_wire_frees_its_token() {
    for last_error in [
        AttemptError::NotEncrypted,
        AttemptError::NotChecked(503),
        AttemptError::NotOnWhatsApp,
        AttemptError::NotAllowedTo,
    ] {
        let mut world = World::new();
        let progress = world.direct("t", ANNA, "hi", at(0)).unwrap();
        let delivery = world.turn(at(0)).unwrap();
        world.outbox.hand_over(&delivery, at(0)).await;
        world.outbox.report(&delivery, Err(last_error), at(0));
        assert_eq!(progress.borrow().stopped, Some(last_error));
        world.restart();
        world.direct("t", BERT, "ho", at(1)).unwrap();
        assert!(world.outcomes().await.is_empty());
    }
}

#[tokio::test]
async fn a_message_that_may_have_reached_the_wire_keeps_its_token_and_id() {
    let world = World::new();
    world.direct("t", ANNA, "hi", at(0)).unwrap();
    let first = world.turn(at(0)).unwrap();
    world.outbox.hand_over(&first, at(0)).await;
    world
        .outbox
        .report(&first, Err(AttemptError::ConnectionLost), at(0));
    world.direct("t", ANNA, "hi", at(1)).unwrap();
    let again = world.turn(at(1)).unwrap();
    assert_eq!(again.id, first.id);
    world
        .outbox
        .report(&again, Err(AttemptError::NotEncrypted), at(1));
    let refused = world.direct("t", ANNA, "ho", at(2)).unwrap_err();
    assert_eq!(refused, SubmitDenied::TokenReused);
}

#[tokio::test]
async fn states_never_go_back() {
    let world = World::new();
    world.direct("t", ANNA, "hi", at(0)).unwrap();
    let id = world.hand_over(at(0)).await;
    let advance = |state, now| world.outbox.advance(&id, state, now, now);
    assert!(advance(SendState::Delivered, at(1)));
    assert!(!advance(SendState::ServerAck, at(2)));
    assert!(!world.outbox.refused(&id, Nack(500), at(3)));
    assert!(
        !advance(SendState::Read, at(4)),
        "it had reached the server before"
    );
    let states: Vec<_> = world
        .outcomes()
        .await
        .into_iter()
        .map(|outcome| outcome.1)
        .collect();
    assert_eq!(states, [SendState::Delivered, SendState::Read]);
}

#[tokio::test]
async fn queued_messages_survive_a_restart_and_are_sent_when_connected() {
    let mut world = World::new();
    let progress = world.queued("t", ANNA, at(0)).unwrap();
    assert_eq!(progress.borrow().until, Some(at(3600)));
    world.restart();
    assert_eq!(world.outbox.queued().len(), 1);
    let delivery = world.turn(at(10)).unwrap();
    assert_eq!(delivery.payload.as_bytes(), b"hi");
    assert_eq!(delivery.id, progress.borrow().sent.id);
    world.outbox.hand_over(&delivery, at(10)).await;
    world.outbox.report(&delivery, Ok(()), at(10));
    // Killed before the ack: it is sent again with the same id.
    world.restart();
    assert_eq!(world.hand_over(at(20)).await, delivery.id);
    assert!(world.acked(&delivery.id, at(21)));
    world.restart();
    assert!(world.outbox.queued().is_empty());
    assert!(matches!(world.turn(at(9999)), Err(None)));
    let text = row::load_payload(&world.outbox.vault, &"t".parse().unwrap());
    assert!(text.is_none(), "the payload is deleted");
}

#[tokio::test]
async fn a_lost_connection_requeues_queued_messages_and_fails_direct_ones() {
    let world = World::new();
    world.queued("kept", ANNA, at(0)).unwrap();
    let direct = world.direct("direct", BERT, "hi", at(0)).unwrap();
    let first = world.hand_over(at(0)).await;
    world.hand_over(at(0)).await;
    let waiting = world.direct("waiting", BERT, "hi", at(1)).unwrap();
    assert!(!direct.borrow().has_reached(SendState::ServerAck));
    world.outbox.connection_lost(at(1));
    assert_eq!(direct.borrow().stopped, Some(AttemptError::ConnectionLost));
    assert_eq!(waiting.borrow().stopped, Some(AttemptError::NotConnected));
    assert_eq!(world.hand_over(at(2)).await, first);
    assert!(matches!(world.turn(at(2)), Err(Some(_))));
    world.direct("waiting", ANNA, "another", at(2)).unwrap();
}

#[tokio::test]
async fn a_deadline_fails_unsent_messages_and_leaves_uncertain_ones_unconfirmed() {
    let mut world = World::new();
    world.queued("never", ANNA, at(0)).unwrap();
    world.queued("perhaps", BERT, at(1)).unwrap();
    let delivery = world.turn(at(2)).unwrap();
    world
        .outbox
        .report(&delivery, Err(AttemptError::NotEncrypted), at(2));
    let id = world.hand_over(at(2)).await;
    world.restart();
    world.outbox.expire(at(3599));
    assert!(world.outcomes().await.is_empty());
    assert_eq!(world.outbox.next_deadline(), Some(at(3600)));
    world.outbox.expire(at(3601));
    let failed = |token: &str, why: &str| (token.to_owned(), SendState::Failed, why.to_owned());
    assert_eq!(
        world.outcomes().await,
        [failed("never", "expired"), failed("perhaps", "unconfirmed")]
    );
    assert!(world.outbox.queued().is_empty());
    // A late receipt replaces the unconfirmed state.
    assert!(
        world
            .outbox
            .advance(&id, SendState::Delivered, at(3700), at(3700))
    );
    world.restart();
    let progress = world.queued("perhaps", BERT, at(3800)).unwrap();
    assert_eq!(progress.borrow().sent.state, SendState::Delivered);
    assert_eq!(progress.borrow().sent.failure, None);
}

#[tokio::test]
async fn a_fault_of_one_recipient_delays_no_other_and_keeps_the_order() {
    let world = World::new();
    let first = world.queued("a1", ANNA, at(0)).unwrap();
    world.queued("a2", ANNA, at(0)).unwrap();
    let other = world.queued("b", BERT, at(0)).unwrap();
    let delivery = world.turn(at(1)).unwrap();
    assert_eq!(delivery.id, first.borrow().sent.id);
    world
        .outbox
        .report(&delivery, Err(AttemptError::NotEncrypted), at(1));
    assert_eq!(world.hand_over(at(1)).await, other.borrow().sent.id);
    assert!(matches!(world.turn(at(1)), Err(Some(next)) if next == at(3)));
    assert_eq!(world.hand_over(at(3)).await, first.borrow().sent.id);
    let waiting = world.outbox.queued();
    assert_eq!(waiting.len(), 3);
    assert_eq!((waiting[0].handed, waiting[1].handed), (true, false));
}

#[tokio::test]
async fn another_account_does_not_send_the_queued_messages() {
    let world = World::new();
    world.queued("t", ANNA, at(0)).unwrap();
    let other = "+15550100009".parse().unwrap();
    assert!(matches!(world.outbox.turn(&other, at(1)), Err(None)));
    assert_eq!(world.outcomes().await[0].2, "other_account");
}

#[tokio::test]
async fn only_queued_messages_can_be_cancelled() {
    let mut world = World::new();
    world.queued("a", ANNA, at(0)).unwrap();
    world.queued("b", BERT, at(0)).unwrap();
    world.direct("c", BERT, "hi", at(0)).unwrap();
    let cancel = |world: &World, token: &str| world.outbox.cancel(&token.parse().unwrap(), at(1));
    assert_eq!(cancel(&world, "x"), Err(CancelDenied::Unknown));
    assert_eq!(cancel(&world, "c"), Err(CancelDenied::NotWaiting));
    assert!(cancel(&world, "b").unwrap().never_sent);
    let delivery = world.turn(at(1)).unwrap();
    assert_eq!(cancel(&world, "a"), Err(CancelDenied::Underway));
    world.outbox.hand_over(&delivery, at(1)).await;
    world.restart();
    assert!(!cancel(&world, "a").unwrap().never_sent);
    assert_eq!(cancel(&world, "a"), Err(CancelDenied::NotWaiting));
    let reasons: Vec<_> = world
        .outcomes()
        .await
        .into_iter()
        .map(|outcome| outcome.2)
        .collect();
    assert_eq!(reasons, ["cancelled", "unconfirmed"]);
    world.restart();
    assert!(matches!(world.turn(at(2)), Err(None)));
}
