//! Tokens across a restore: those used before the backup are known, and the response has the time of the backup.

use std::time::{Duration, SystemTime};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::{LinkState, SendState};
use openclaw_sim::{Fault, Nack};
use tonic::Code;

use super::{PASSPHRASE, backup, lose_the_machine, restore};
use crate::harness::{ANNA, BERT, TEST_TIMEOUT, WORD, World, refusal, request};

fn tokened(to: &str, text: &str, token: &str) -> pb::SendRequest {
    pb::SendRequest {
        client_token: token.to_owned(),
        ..request(to, text)
    }
}

fn count_received(world: &World, number: &str) -> usize {
    world.peer(number).inbox_len()
}

#[tokio::test]
async fn a_token_used_before_the_backup_is_known_after_a_restore() {
    let mut world = World::linked().await;
    let phone = world.phone();
    let group = phone.create_group("Tides", &[ANNA, BERT]).await.unwrap();
    let mut sent = Vec::new();
    for (n, to) in [ANNA, BERT, &group].into_iter().enumerate() {
        let request = tokened(to, WORD, &format!("t{n}"));
        sent.push((world.send_with(request.clone()).await.unwrap(), request));
    }
    // A message that the server has refused permanently stays refused.
    let nack = Nack {
        code: 479,
        count: 1,
    };
    world.fault(Fault::Nack(nack)).await;
    let refused = tokened(ANNA, "refused", "r");
    world.send_with(refused.clone()).await.unwrap_err();
    let before = (count_received(&world, ANNA), count_received(&world, BERT));
    let (start, bytes) = backup(&world.agent).await.unwrap();
    lose_the_machine(&mut world).await;
    let restored = restore(&world.agent, PASSPHRASE, &bytes).await.unwrap();
    assert_eq!((restored.tokens_kept, restored.waiting_dropped), (4, 0));
    let until = SystemTime::try_from(restored.tokens_known_until.unwrap()).unwrap();
    let made = SystemTime::try_from(start.created_at.unwrap()).unwrap();
    let apart = made.duration_since(until).unwrap_or_default();
    assert!(until <= made && apart < Duration::from_secs(2), "{apart:?}");
    world.agent.until_state(LinkState::Connected).await;
    for (first, request) in &sent {
        let again = world.send_with(request.clone()).await.unwrap();
        assert_eq!(again.message_id, first.message_id);
        assert!(again.state() >= SendState::ServerAck);
        let other = tokened(ANNA, "another text", &request.client_token);
        let reused = world.send_with(other).await.unwrap_err();
        assert_eq!(refusal(&reused).0, Code::AlreadyExists);
    }
    let again = world.send_with(refused).await.unwrap_err();
    assert_eq!(refusal(&again), (Code::Aborted, "NOT_SENT".to_owned()));
    assert_eq!(
        (count_received(&world, ANNA), count_received(&world, BERT)),
        before
    );
    // Also after a restart; and a new token sends a new message.
    let url = world.sim.url();
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    let (first, request) = &sent[0];
    let again = world.send_with(request.clone()).await.unwrap();
    assert_eq!(again.message_id, first.message_id);
    world.send_with(tokened(ANNA, "new", "n")).await.unwrap();
    assert_eq!(count_received(&world, ANNA), before.0 + 1);
    world.finish().await;
}

#[tokio::test]
async fn messages_queued_in_the_backup_are_only_sent_if_repeated() {
    let mut world = World::linked().await;
    world.cut_off().await;
    let request = pb::SendRequest {
        queue: true,
        ..tokened(ANNA, WORD, "t")
    };
    let kept = world.send_with(request.clone()).await.unwrap();
    let (_, bytes) = backup(&world.agent).await.unwrap();
    // It is sent after the backup.
    world.sim.fault(Fault::Clear).await;
    let there = || count_received(&world, ANNA) == 1;
    world.sim.until(TEST_TIMEOUT, there).await.unwrap();
    lose_the_machine(&mut world).await;
    let restored = restore(&world.agent, PASSPHRASE, &bytes).await.unwrap();
    assert_eq!((restored.tokens_kept, restored.waiting_dropped), (1, 1));
    world.agent.until_state(LinkState::Connected).await;
    let queue = world
        .client()
        .list_queue(pb::ListQueueRequest::default())
        .await;
    assert!(queue.unwrap().into_inner().messages.is_empty());
    let again = world.send_with(request).await.unwrap();
    assert_eq!(again.message_id, kept.message_id, "the same message");
    assert_eq!(
        count_received(&world, ANNA),
        1,
        "the recipient knows it by its id"
    );
    world.finish().await;
}
