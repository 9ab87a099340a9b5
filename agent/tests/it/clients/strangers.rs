//! Unknown peers: they get no further than the handshake, and lock no client out.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_trust::{Identity, tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::harness::{Client, TEST_TIMEOUT, TLS, World};

/// The start of HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

async fn world() -> World {
    World::with(openclaw_sim::Config::default(), &TLS).await
}

#[tokio::test]
async fn a_key_that_is_not_enrolled_never_reaches_http() {
    let world = world().await;
    let stranger = Client::new();
    // With TLS 1.3, the client's handshake completes before the agent has checked its key.
    if let Ok(mut stream) = stranger.shake(&world.agent).await {
        let _ = stream.write_all(PREFACE).await;
        let mut answer = Vec::new();
        let answered = stream.read_to_end(&mut answer);
        let answered = tokio::time::timeout(TEST_TIMEOUT, answered).await.unwrap();
        assert!(answered.is_err(), "it gets a TLS alert");
        assert!(answer.is_empty(), "and nothing else");
    }
    assert!(!stranger.is_known(&world.agent).await);
    world.agent.logged("connections refused").await;
    world.finish().await;
}

#[tokio::test]
async fn a_server_with_another_key_is_rejected() {
    let world = world().await;
    let client = Client::first(&world.agent).await;
    let another = Identity::generate().unwrap().fingerprint();
    let config = tls::client(&client.identity, another).unwrap();
    let stream = TcpStream::connect(world.agent.tls()).await.unwrap();
    let connector = TlsConnector::from(config);
    let shaken = connector.connect(tls::server_name(), stream).await;
    assert!(shaken.is_err());
    world.finish().await;
}

#[tokio::test]
async fn plain_text_is_not_answered_in_plain_text() {
    let world = world().await;
    for greeting in [PREFACE, b"GET / HTTP/1.1\r\n\r\n", &[0; 64]] {
        let mut stream = TcpStream::connect(world.agent.tls()).await.unwrap();
        stream.write_all(greeting).await.unwrap();
        let mut answer = Vec::new();
        let answered = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(TEST_TIMEOUT, answered).await.unwrap();
        // A TLS alert at most.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn unfinished_handshakes_lock_no_client_out_and_take_little_memory() {
    let world = world().await;
    let client = Client::first(&world.agent).await;
    let mut open = client.client(&world.agent).await;
    let before = world.agent.open_files();
    let mut connections = Vec::new();
    for number in 0..1000 {
        let mut stream = TcpStream::connect(world.agent.tls()).await.unwrap();
        // Half of them start a handshake that they never finish.
        if number % 2 == 0 {
            let _ = stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1]).await;
        }
        connections.push(stream);
        if number % 100 == 0 {
            open.status(pb::StatusRequest {}).await.unwrap();
            assert!(client.is_known(&world.agent).await, "after {number}");
        }
    }
    assert!(client.is_known(&world.agent).await);
    assert!(world.agent.open_files() < before + 40);
    world.agent.is_lean();
    drop(connections);
    world.finish().await;
}

#[tokio::test]
async fn a_thousand_concurrent_handshakes_do_not_lock_out_clients() {
    let world = world().await;
    let client = Client::first(&world.agent).await;
    let mut open = client.client(&world.agent).await;
    let stranger = std::sync::Arc::new(Client::new());
    let (address, agent) = (world.agent.tls(), world.agent.fingerprint());
    let mut connections = JoinSet::new();
    for _ in 0..1000 {
        let config = tls::client(&stranger.identity, agent).unwrap();
        connections.spawn(async move {
            let stream = TcpStream::connect(address).await?;
            let mut stream = TlsConnector::from(config)
                .connect(tls::server_name(), stream)
                .await?;
            stream.read_to_end(&mut Vec::new()).await
        });
    }
    open.status(pb::StatusRequest {}).await.unwrap();
    let ended = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(TEST_TIMEOUT, ended)
        .await
        .expect("each of them ends");
    open.status(pb::StatusRequest {}).await.unwrap();
    assert!(client.is_known(&world.agent).await);
    world.agent.is_lean();
    // At most one line a minute.
    assert!(world.agent.count_logged("connections refused") <= 2);
    world.finish().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let world = world().await;
    let mut stream = TcpStream::connect(world.agent.tls()).await.unwrap();
    let mut answer = Vec::new();
    let sent_away = stream.read_to_end(&mut answer);
    let limit = Duration::from_secs(5) + TEST_TIMEOUT;
    let _ = tokio::time::timeout(limit, sent_away).await.expect("it is");
    world.finish().await;
}
