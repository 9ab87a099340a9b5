//! `kill -9` at every step between the client and the recipient.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;

use super::{World, document, fill, send_request};
use crate::harness::{ANNA, STARTED};

const LIMIT: Duration = Duration::from_secs(10);

/// The agent begins again, and dies at this place.
async fn start_with_failpoint(world: &mut World, place: &str) {
    world.agent.kill().await;
    let begun = world.agent.count_logged(STARTED);
    let url = world.sim.url();
    world.agent.start_with_failpoint(&url, Some(place));
    world.agent.started_times(begun + 1).await;
    world.agent.until_state(LinkState::Connected).await;
}

async fn begin_again(world: &mut World) {
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
}

#[tokio::test]
async fn an_upload_that_was_not_answered_leaves_nothing() {
    let mut world = World::linked().await;
    for place in ["receiving:1", "receiving:3", "received:1"] {
        start_with_failpoint(&mut world, place).await;
        let file = fill(200_000);
        assert!(world.upload(document(), &file).await.is_err(), "{place}");
        assert!(world.agent.kills_itself_within(LIMIT).await, "{place}");
        assert_eq!(world.staged().len(), 1, "{place}");
        begin_again(&mut world).await;
        assert!(world.staged().is_empty(), "{place}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_file_that_was_answered_is_sent_once_wherever_the_agent_dies() {
    let mut world = World::linked().await;
    let places = [
        "uploading:1",
        "uploaded:1",
        "hosted:1",
        "claimed:1",
        "handed:1",
    ];
    for (at, place) in places.into_iter().enumerate() {
        let uploaded = world.upload(document(), &fill(200_000 + at)).await;
        let request = pb::SendRequest {
            queue: true,
            client_token: format!("t-{at}"),
            ..send_request(&uploaded.unwrap().media_id, "")
        };
        start_with_failpoint(&mut world, place).await;
        let sent = world.send_with(request.clone()).await;
        assert!(sent.is_err(), "{place}");
        assert!(world.agent.kills_itself_within(LIMIT).await, "{place}");
        begin_again(&mut world).await;
        let sent = world.send_with(request).await.unwrap();
        world.anna_got(&sent.message_id).await;
        assert_eq!(world.peer(ANNA).inbox_len(), at + 1, "{place}");
        world.until_staged(0).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_queued_file_is_sent_after_a_restart() {
    let mut world = World::linked().await;
    let uploaded = world.upload(document(), &fill(100_000)).await.unwrap();
    world.agent.terminate().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    let sent = world.send_with(send_request(&uploaded.media_id, "")).await;
    world.anna_got(&sent.unwrap().message_id).await;
    world.until_staged(0).await;
    world.finish().await;
}
