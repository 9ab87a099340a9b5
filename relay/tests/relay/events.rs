//! Events arrive once and in order, with their subjects and headers.

use std::time::Duration;

use crate::harness::hole::Hole;
use crate::harness::{AGENT, World, until};

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn events_arrive_in_order_with_their_headers() {
    let world = World::new().await;
    let mut relay = world.relay();
    for at in 0..20 {
        world.text(&at.to_string()).await;
    }
    world.until_received(20).await;
    let stored = world.all_stored().await;
    let message = stored
        .iter()
        .find(|event| event.subject == format!("openclaw.v1.{AGENT}.message"))
        .expect("a message");
    assert_eq!(message.header("ce-specversion"), "1.0");
    assert_eq!(message.header("ce-id"), message.id());
    assert_eq!(message.header("ce-type"), "openclaw.v1.message");
    assert_eq!(
        message.header("ce-source"),
        format!("/openclaw/agents/{AGENT}")
    );
    assert!(message.header("ce-time").ends_with('Z'));
    assert_eq!(message.json["kind"], "message");
    assert!(message.json["message"]["content"]["text"]["body"].is_string());
    assert!(relay.terminate().await.success());
}

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn two_relays_of_one_agent_store_each_event_once() {
    let world = World::new().await;
    let relays = [world.relay(), world.relay()];
    for at in 0..60 {
        world.text(&at.to_string()).await;
    }
    world.until_received(60).await;
    world.all_stored().await;
    drop(relays);
}

/// The server stores, and its answers are lost, for longer than it remembers message ids.
#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn a_lost_answer_stores_nothing_twice() {
    let world = World::new().await;
    let hole = Hole::before(world.nats_address()).await;
    let mut relay = world.start_relay(&[hole.url()], "");
    for round in 1..=3 {
        // The relay knows what the subject holds, and reads nothing before it publishes.
        world.text("first").await;
        world.until_received(3 * round - 2).await;
        world.all_stored().await;
        let before = world.stored().await.len();
        hole.set_open(true);
        world.text(&round.to_string()).await;
        until("the event is stored", async || {
            world.stored().await.len() > before
        })
        .await;
        // The duplicate window of the stream is a second.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        if round == 2 {
            relay.kill().await;
            relay = world.start_relay(&[hole.url()], "");
        }
        hole.set_open(false);
        world.text("and another").await;
        world.until_received(3 * round).await;
    }
    world.all_stored().await;
}

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn an_event_that_is_too_large_is_stored_without_its_content() {
    let world = World::with("max_payload: 3000").await;
    let _relay = world.relay();
    world.text(&"long ".repeat(800)).await;
    world.text("short").await;
    world.until_received(2).await;
    let stored = world.all_stored().await;
    let messages: Vec<_> = stored
        .iter()
        .filter(|event| event.subject.ends_with(".message"))
        .collect();
    let size: usize = messages[0]
        .header("Openclaw-Omitted-Bytes")
        .parse()
        .unwrap();
    assert!(size > 4_000, "{size}");
    assert_eq!(messages[0].json["kind"], serde_json::Value::Null);
    assert!(messages[0].json["seq"].is_u64());
    assert_eq!(messages[1].header("Openclaw-Omitted-Bytes"), "");
    assert_eq!(messages[1].json["kind"], "message");
}

/// The cursor is behind what was published, and the stream is longer away than it remembers ids.
#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn an_outage_of_the_broker_loses_and_doubles_nothing() {
    let mut world = World::new().await;
    let _relay = world.relay();
    world.text("before").await;
    world.until_received(1).await;
    world.all_stored().await;
    world.nats[0].kill().await;
    for at in 0..5 {
        world.text(&at.to_string()).await;
    }
    world.until_received(6).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    world.restart_nats(0);
    world.all_stored().await;
}

/// Another store begins with seq 1 again.
#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn an_agent_that_is_set_up_again_is_relayed_from_its_beginning() {
    let mut world = World::new().await;
    let _relay = world.relay();
    world.text("first").await;
    world.until_received(1).await;
    let before = world.all_stored().await.len();
    world.set_agent_up_again().await;
    world.text("second").await;
    world.until_received(1).await;
    let recorded = world.recorded().await;
    let mut ids = Vec::new();
    until("the new store is relayed", async || {
        let stored = world.stored().await;
        ids = stored
            .iter()
            .skip(before)
            .map(|event| event.id().to_owned())
            .collect();
        ids.len() >= recorded.len()
    })
    .await;
    assert_eq!(ids, recorded);
}

/// What was published before a purge is not published again.
#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn a_purged_stream_goes_on_with_the_next_event() {
    let world = World::new().await;
    let _relay = world.relay();
    world.text("first").await;
    world.until_received(1).await;
    let before = world.all_stored().await.len();
    world.stream().await.purge().await.unwrap();
    world.text("second").await;
    world.until_received(2).await;
    let recorded = world.recorded().await;
    let mut ids = Vec::new();
    until("the next event is stored", async || {
        let stored = world.stored().await;
        ids = stored.iter().map(|event| event.id().to_owned()).collect();
        ids.len() >= recorded.len() - before
    })
    .await;
    assert_eq!(ids, recorded[before..]);
}
