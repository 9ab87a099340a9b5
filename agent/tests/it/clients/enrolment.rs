//! A code is good once, for one client, and for a while: whatever happens in between.

use openclaw_proto::v1 as pb;
use openclaw_trust::Role;
use openclaw_trust::enroll::{AskError, Refusal};

use crate::harness::{Client, TLS, World};

async fn world() -> World {
    World::with(openclaw_sim::Config::default(), &TLS).await
}

fn refused(asked: &Result<openclaw_trust::enroll::Welcome, AskError>) -> Option<Refusal> {
    match asked {
        Err(AskError::Refused(refusal)) => Some(*refusal),
        _ => None,
    }
}

#[tokio::test]
async fn the_first_client_enrolls_with_the_code_of_the_log_and_is_an_admin() {
    let world = world().await;
    let client = Client::new();
    assert!(!client.is_known(&world.agent).await);
    let code = world.agent.first_code().await;
    let welcome = client.enroll(&world.agent, &code, "laptop").await.unwrap();
    assert_eq!(welcome.role, Role::Admin);
    assert_eq!(welcome.agent, world.agent.fingerprint());

    let status = client.status(&world.agent).await;
    let caller = status.caller.unwrap();
    assert_eq!(
        (caller.name.as_str(), caller.via.as_str()),
        ("laptop", "tls")
    );
    assert_eq!(caller.role(), pb::Role::Admin);
    assert_eq!(caller.fingerprint, client.fingerprint().to_string());
    let tls = status.tls.unwrap();
    assert_eq!(tls.fingerprint, world.agent.fingerprint().to_string());
    assert_eq!(tls.address, world.agent.tls().to_string());

    let caller = world.agent.status().await.caller.unwrap();
    assert_eq!((caller.name.as_str(), caller.via.as_str()), ("", "unix"));
    assert_eq!(caller.role(), pb::Role::Admin);
    world.finish().await;
}

#[tokio::test]
async fn a_used_code_lets_nobody_else_in() {
    let world = world().await;
    let code = world.agent.first_code().await;
    let first = Client::new();
    first.enroll(&world.agent, &code, "first").await.unwrap();
    let late = Client::new();
    let asked = late.enroll(&world.agent, &code, "late").await;
    assert_eq!(refused(&asked), Some(Refusal::Used));
    // Its answer may have been lost.
    let asked = first.enroll(&world.agent, &code, "first").await;
    assert_eq!(asked.unwrap().role, Role::Admin);
    assert_eq!(world.agent.list_clients().await.clients.len(), 1);
    assert!(!late.is_known(&world.agent).await);
    assert!(first.is_known(&world.agent).await);
    world.finish().await;
}
