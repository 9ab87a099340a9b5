//! What is taken back is gone at once: open connections, idle ones too, and for good.

use std::time::{Duration, Instant};

use openclaw_proto::v1 as pb;
use tokio::io::AsyncReadExt as _;
use tonic::Code;

use crate::harness::{Client, PATIENCE, TLS, World, refusal};

/// Far below any keepalive.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn world() -> World {
    World::with(openclaw_sim::Config::default(), &TLS).await
}

#[tokio::test]
async fn a_revoked_client_with_an_open_stream_is_cut_at_once() {
    let world = world().await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    let mut client = reader.client(&world.agent).await;
    let request = pb::WatchEventsRequest {
        after: Some(0),
        follow: true,
        ..Default::default()
    };
    let mut events = client.watch_events(request).await.unwrap().into_inner();
    events.message().await.unwrap().expect("a heartbeat");
    let other = Client::invited(&world.agent, pb::Role::Operator).await;
    let mut others = other.client(&world.agent).await;

    let begun = Instant::now();
    let gone = world.agent.revoke(&reader.fingerprint().to_string()).await;
    assert_eq!(gone.unwrap().name, "Reader");
    let cut = async { while let Ok(Some(_)) = events.message().await {} };
    tokio::time::timeout(AT_ONCE, cut).await.expect("it is cut");
    assert!(begun.elapsed() < AT_ONCE);
    assert!(!reader.is_known(&world.agent).await);
    // Nobody else is.
    others.status(pb::StatusRequest {}).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn an_idle_connection_is_cut_as_well() {
    let world = world().await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    // It never says a word after the handshake.
    let mut stream = reader.shake(&world.agent).await.unwrap();
    let connected = async {
        while world.agent.list_clients().await.clients[0].connections == 0 {
            tokio::time::sleep(crate::harness::POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.unwrap();
    world.agent.revoke("Reader").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(AT_ONCE, stream.read_to_end(&mut rest)).await;
    // With or without a word of goodbye.
    let _ = closed.expect("it is cut");
    world.finish().await;
}

#[tokio::test]
async fn who_is_revoked_stays_so_over_a_restart() {
    let mut world = world().await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    let other = Client::invited(&world.agent, pb::Role::Operator).await;
    world.agent.revoke("Reader").await.unwrap();
    let before = world.agent.fingerprint();
    world.agent.kill().await;
    world.agent.start_again_with(&world.sim.url(), &TLS).await;
    assert_eq!(world.agent.fingerprint(), before, "the agent is who it was");
    assert!(!reader.is_known(&world.agent).await);
    assert!(other.is_known(&world.agent).await);
    world.finish().await;
}

#[tokio::test]
async fn the_last_admin_does_not_lock_itself_out() {
    let world = world().await;
    let admin = Client::first(&world.agent).await;
    let channel = admin.connect(&world.agent).await.unwrap();
    let mut clients = pb::clients_client::ClientsClient::new(channel);
    let own = || pb::RevokeClientRequest {
        client: admin.fingerprint().to_string(),
    };
    let denied = clients.revoke_client(own()).await.unwrap_err();
    let last = (Code::FailedPrecondition, "LAST_ADMIN".to_owned());
    assert_eq!(refusal(&denied), last);

    Client::invited(&world.agent, pb::Role::Admin).await;
    let revoked = clients.revoke_client(own()).await;
    assert_eq!(revoked.unwrap().into_inner().client.unwrap().name, "first");
    assert!(!admin.is_known(&world.agent).await);
    let denied = world.agent.revoke("nobody").await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::NotFound, "NO_SUCH_CLIENT".to_owned())
    );
    world.finish().await;
}
