//! The limit of client connections: higher roles take the seats of lower ones.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use tonic::transport::Channel;

use crate::harness::{Client, TEST_TIMEOUT, TLS, World};

/// As many connections as one client may have, each in use.
async fn open_all_connections(world: &World, client: &Client) -> Vec<AgentClient<Channel>> {
    let mut open = Vec::new();
    for _ in 0..16 {
        let mut agent = client.client(&world.agent).await;
        agent.status(pb::StatusRequest {}).await.unwrap();
        open.push(agent);
    }
    open
}

async fn enrolled(world: &World, role: pb::Role, name: &str) -> Client {
    let client = Client::new();
    let code = world.agent.invite(role, "").await;
    client.enroll(&world.agent, &code, name).await.unwrap();
    client
}

#[tokio::test]
async fn an_admin_can_connect_and_revoke_when_readers_and_operators_hold_all_seats() {
    let world = World::with(openclaw_sim::Config::default(), &TLS).await;
    let admin = Client::first(&world.agent).await;
    let mut held = Vec::new();
    for (role, name) in [
        (pb::Role::Reader, "r1"),
        (pb::Role::Reader, "r2"),
        (pb::Role::Operator, "o1"),
        (pb::Role::Operator, "o2"),
    ] {
        let client = enrolled(&world, role, name).await;
        held.push(open_all_connections(&world, &client).await);
    }
    let channel = admin.connect(&world.agent).await.unwrap();
    let mut registry = pb::clients_client::ClientsClient::new(channel);
    let request = pb::RevokeClientRequest {
        client: "r1".to_owned(),
    };
    let revoked = tokio::time::timeout(TEST_TIMEOUT, registry.revoke_client(request)).await;
    revoked.expect("in time").unwrap();
    // A reader lost its seat, and no operator did.
    let list = world.agent.list_clients().await.clients;
    let connections = |name: &str| {
        let client = list.iter().find(|client| client.name == name);
        client.map(|client| client.connections)
    };
    assert_eq!(connections("o1"), Some(16));
    assert_eq!(connections("o2"), Some(16));
    assert!(connections("r2") >= Some(15), "{:?}", connections("r2"));
    world.finish().await;
}

#[tokio::test]
async fn an_admin_without_a_seat_takes_one_of_another_admin() {
    let world = World::with(openclaw_sim::Config::default(), &TLS).await;
    let late = Client::first(&world.agent).await;
    let mut held = Vec::new();
    for name in ["a1", "a2", "a3", "a4"] {
        let client = enrolled(&world, pb::Role::Admin, name).await;
        held.push(open_all_connections(&world, &client).await);
    }
    let mut agent = late.client(&world.agent).await;
    agent.status(pb::StatusRequest {}).await.unwrap();
    // A reader gets none: all connections have higher roles.
    let reader = enrolled(&world, pb::Role::Reader, "reader").await;
    assert!(!reader.is_known(&world.agent).await);
    world.finish().await;
}
