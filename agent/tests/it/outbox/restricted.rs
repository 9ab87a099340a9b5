//! What is sent while WhatsApp restricts the account.

use std::time::Duration;

use openclaw_proto::v1::{LinkState, SendReason};
use openclaw_sim::{By, Fault, Nack};

use super::kept;
use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World};

const REFUSED: &str = "message refused by WhatsApp";
const HOUR: u64 = 3_600;

impl World {
    /// Waits until one message waits for the end of the restriction, and no other waits.
    async fn until_one_waits(&self) {
        let deadline = tokio::time::Instant::now() + TEST_TIMEOUT;
        while tokio::time::Instant::now() < deadline {
            let waiting = self.waiting().await;
            let restricted =
                |it: &openclaw_proto::v1::QueuedMessage| it.reason() == SendReason::Restricted;
            if waiting.len() == 1 && waiting.iter().all(restricted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:#?}", self.waiting().await);
    }
}

#[tokio::test]
async fn during_a_time_lock_replies_go_and_queued_messages_to_strangers_wait_for_its_end() {
    let mut world = World::linked().await;
    let anna = world.peer(ANNA);
    anna.send_text(ACCOUNT, "hello", By::Lid).await.unwrap();
    world.all_acked().await;
    world.lock_reachouts(HOUR);
    world.until_restricted(true).await;
    world.send_with(kept(BERT, WORD, "b")).await.unwrap();
    world.send_with(kept(ANNA, WORD, "a")).await.unwrap();
    world.until_received(ANNA, WORD).await;
    world.until_one_waits().await;
    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.until_one_waits().await;
    assert!(world.received_texts(BERT).is_empty());
    assert_eq!(world.agent.count_logged(REFUSED), 0, "none was tried");
    world.lock_reachouts(0);
    world.until_received(BERT, WORD).await;
    assert_eq!(world.received_texts(BERT).len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_time_lock_ends_at_its_time_without_a_notification() {
    let world = World::linked().await;
    world.lock_reachouts(3);
    world.until_restricted(true).await;
    world.send_with(kept(BERT, WORD, "b")).await.unwrap();
    world.until_restricted(false).await;
    world.until_received(BERT, WORD).await;
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_that_whatsapp_does_not_explain_counts_as_a_restriction() {
    let world = World::linked().await;
    let nack = Nack {
        code: 475,
        count: 1,
    };
    world.fault(Fault::Nack(nack)).await;
    world.send_with(kept(BERT, WORD, "b")).await.unwrap();
    let link = world.until_restricted(true).await;
    let restriction = link.restriction.unwrap();
    assert_eq!((restriction.code, restriction.confirmed), (475, false));
    world.until_one_waits().await;
    assert_eq!(world.agent.count_logged(REFUSED), 1);
    // A login at which WhatsApp reports no restriction does not end it.
    world.fault(Fault::Drop).await;
    world
        .agent
        .until(|link| link.disconnected_at.is_some())
        .await;
    let link = world.agent.until_state(LinkState::Connected).await;
    assert!(link.restriction.is_some());
    assert!(world.received_texts(BERT).is_empty());
    world.finish().await;
}
