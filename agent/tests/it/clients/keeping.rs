//! The agent's key and its clients survive an unpair and a restore.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;

use crate::harness::{Client, TLS, World};

#[tokio::test]
async fn an_unpair_keeps_the_agents_key_and_its_clients() {
    let world = World::linked_with(&TLS).await;
    let client = Client::first(&world.agent).await;
    let agent = world.agent.fingerprint();
    // Over the network: a client that unpairs is not locked out.
    let begun = world.agent.count_logged(crate::harness::STARTED);
    let mut operator = client.client(&world.agent).await;
    operator.unpair(pb::UnpairRequest {}).await.unwrap();
    world.agent.started_times(begun + 1).await;
    assert_eq!(world.agent.fingerprint(), agent);
    let status = client.status(&world.agent).await;
    assert_eq!(status.link.unwrap().state(), LinkState::Unlinked);
    assert_eq!(status.caller.unwrap().name, "first");
    world.agent.logged_no_code();
    // Once more, now that the store contains nothing else.
    world.link().await;
    assert!(world.unpair().await.unwrap());
    assert!(client.is_known(&world.agent).await);
    world.finish().await;
}

#[tokio::test]
async fn the_agents_key_and_clients_survive_a_kill_after_an_unpair() {
    let mut world = World::linked_with(&TLS).await;
    let client = Client::first(&world.agent).await;
    assert!(world.unpair().await.unwrap());
    world.agent.kill().await;
    world.agent.start_again_with(&world.sim.url(), &TLS).await;
    assert!(client.is_known(&world.agent).await);
    let link = world.agent.link().await;
    assert_eq!(link.state(), LinkState::Unlinked);
    world.finish().await;
}
