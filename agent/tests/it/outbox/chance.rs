//! Kills and lost connections at random moments.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::{LinkState, SendState};
use openclaw_sim::Fault;
use tonic::Code;

use super::{kept, tokened};
use crate::harness::{ANNA, BERT, WORD, World, chance};

#[tokio::test]
async fn one_token_is_one_message_across_kills() {
    /// The minimum number of kills between the departure of a message and its response.
    const CLOSE: usize = 3;
    const MESSAGES: usize = 12;
    const MAX_ROUNDS: usize = 100;
    let mut random = chance(1);
    let mut world = World::linked().await;
    let url = world.sim.url();
    let (mut n, mut close) = (0, 0);
    while n < MESSAGES || (close < CLOSE && n < MAX_ROUNDS) {
        let to = if random.bool() { ANNA } else { BERT };
        let text = format!("{WORD} {n}");
        let request = || match n % 3 {
            0 => kept(to, &text, &format!("t{n}")),
            _ => tokened(to, &text, &format!("t{n}")),
        };
        // Killed during a send that is then repeated, a random number of times.
        while random.u8(..3) > 0 {
            let moment = Duration::from_micros(random.u64(..30_000));
            let shot = async {
                tokio::time::sleep(moment).await;
                world.agent.kill_without_waiting();
            };
            // A response is ignored, as if the client had crashed.
            let (answer, ()) = tokio::join!(world.send_with(request()), shot);
            world.agent.ended().await;
            let received = world.received_texts(to).contains(&text);
            close += usize::from(received && answer.is_err());
            world.agent.start_again(&url).await;
            if random.bool() {
                world.agent.until_state(LinkState::Connected).await;
            }
        }
        world.agent.until_state(LinkState::Connected).await;
        let sent = world.send_with(request()).await.unwrap();
        assert!(sent.state() >= SendState::ServerAck, "{n}: {sent:?}");
        let received = world.until_received(to, &text).await;
        assert_eq!(received.id, sent.message_id, "{n}");
        n += 1;
    }
    assert!(close >= CLOSE, "only {close} of the kills were in between");
    let mut received = world.received_texts(ANNA);
    received.extend(world.received_texts(BERT));
    received.sort();
    let mut sent: Vec<String> = (0..n).map(|n| format!("{WORD} {n}")).collect();
    sent.sort();
    assert_eq!(received, sent, "each once");
    assert!(world.waiting().await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn one_token_is_one_message_across_lost_connections() {
    /// Each loss increases the delay before the next connection.
    const MESSAGES: usize = 4;
    let mut random = chance(2);
    let world = World::linked().await;
    for n in 0..MESSAGES {
        let text = format!("{WORD} {n}");
        let request = || tokened(ANNA, &text, &format!("t{n}"));
        let moment = Duration::from_micros(random.u64(..10_000));
        let cut = async {
            tokio::time::sleep(moment).await;
            world.fault(Fault::Drop).await;
        };
        let (answer, ()) = tokio::join!(world.send_with(request()), cut);
        let first = answer.ok();
        let sent = loop {
            world.agent.until_state(LinkState::Connected).await;
            match world.send_with(request()).await {
                Ok(sent) => break sent,
                // The agent may not have detected the lost connection yet.
                Err(lost) => assert!(
                    [Code::Unavailable, Code::FailedPrecondition].contains(&lost.code()),
                    "{lost:?}"
                ),
            }
        };
        let first = first.map_or_else(|| sent.message_id.clone(), |first| first.message_id);
        assert_eq!(first, sent.message_id);
        assert_eq!(world.until_received(ANNA, &text).await.id, first);
    }
    let sent: Vec<String> = (0..MESSAGES).map(|n| format!("{WORD} {n}")).collect();
    assert_eq!(world.received_texts(ANNA), sent, "in order, each once");
    world.finish().await;
}

#[tokio::test]
async fn an_accepted_message_is_sent_once_without_a_second_call() {
    const ROUNDS: usize = 8;
    let mut random = chance(3);
    let mut world = World::linked().await;
    let url = world.sim.url();
    let mut accepted = Vec::new();
    for round in 0..ROUNDS {
        for n in 0..random.usize(1..4) {
            let text = format!("{WORD} {round} {n}");
            let request = pb::SendRequest {
                wait: SendState::Accepted.into(),
                ..kept(ANNA, &text, &format!("t{round}-{n}"))
            };
            world.send_with(request).await.unwrap();
            accepted.push(text);
        }
        // Before, during or after the send.
        tokio::time::sleep(Duration::from_micros(random.u64(..40_000))).await;
        world.agent.kill().await;
        world.agent.start_again(&url).await;
        if random.bool() {
            world.agent.until_state(LinkState::Connected).await;
        }
    }
    let last = accepted.last().unwrap().clone();
    world.until_received(ANNA, &last).await;
    assert_eq!(world.received_texts(ANNA), accepted, "in order, each once");
    let outcome = world.outcome(&format!("t{}-0", ROUNDS - 1)).await;
    assert!(outcome.state() >= SendState::ServerAck);
    world.finish().await;
}
