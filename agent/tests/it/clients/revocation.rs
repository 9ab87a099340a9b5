//! Revocation closes connections at once, idle ones included, and is permanent.

use std::time::{Duration, Instant};

use openclaw_proto::v1 as pb;
use openclaw_trust::tls;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind};
use tonic::Code;

use crate::harness::{Client, TEST_TIMEOUT, TLS, World, refusal};

/// Far below any keepalive.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn world() -> World {
    World::with(openclaw_sim::Config::default(), &TLS).await
}

#[tokio::test]
async fn a_revoked_clients_open_stream_is_closed_at_once() {
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
    tokio::time::timeout(AT_ONCE, cut)
        .await
        .expect("the stream is closed");
    assert!(begun.elapsed() < AT_ONCE);
    assert!(!reader.is_known(&world.agent).await);
    // Other clients stay connected.
    others.status(pb::StatusRequest {}).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn an_idle_connection_of_a_revoked_client_is_closed() {
    let world = world().await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    // It sends nothing after the handshake.
    let mut stream = reader.shake(&world.agent).await.unwrap();
    let connected = async {
        while world.agent.list_clients().await.clients[0].connections == 0 {
            tokio::time::sleep(crate::harness::POLL).await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, connected).await.unwrap();
    world.agent.revoke("Reader").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(AT_ONCE, stream.read_to_end(&mut rest)).await;
    // With or without a close_notify.
    let _ = closed.expect("the connection is closed");
    world.finish().await;
}

#[tokio::test]
async fn a_revoked_client_stays_revoked_after_a_restart() {
    let mut world = world().await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    let other = Client::invited(&world.agent, pb::Role::Operator).await;
    world.agent.revoke("Reader").await.unwrap();
    let before = world.agent.fingerprint();
    world.agent.kill().await;
    world.agent.start_again_with(&world.sim.url(), &TLS).await;
    assert_eq!(
        world.agent.fingerprint(),
        before,
        "the agent's key is unchanged"
    );
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

#[tokio::test]
async fn no_session_tickets_are_issued_so_every_connection_is_checked() {
    let world = world().await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    let config = tls::client(&reader.identity, world.agent.fingerprint()).unwrap();
    let mut config = ClientConfig::clone(&config);
    config.resumption = Resumption::in_memory_sessions(8);
    let connector = TlsConnector::from(std::sync::Arc::new(config));
    let connect = async || {
        let stream = TcpStream::connect(world.agent.tls()).await.unwrap();
        let mut stream = connector.connect(tls::server_name(), stream).await?;
        // HTTP/2's first frame from the server, SETTINGS; a ticket would precede it.
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await?;
        stream.read_exact(&mut [0; 9]).await?;
        std::io::Result::Ok(stream)
    };
    for _ in 0..2 {
        let stream = connect().await.unwrap();
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.tls13_tickets_received(), 0);
        assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full));
    }
    world.agent.revoke("Reader").await.unwrap();
    assert!(connect().await.is_err());
    world.finish().await;
}
