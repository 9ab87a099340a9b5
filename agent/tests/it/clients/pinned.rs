//! Clients whose keys the settings name: a fleet needs no code for each agent.

use openclaw_proto::v1 as pb;
use openclaw_trust::Fingerprint;

use crate::harness::{Client, TLS, World, bare};

const VARIABLE: &str = "OPENCLAW_CLIENT_KEYS";

/// An agent that was started with these keys.
async fn world(keys: &str) -> World {
    let mut world = World::with(openclaw_sim::Config::default(), &TLS).await;
    restart(&mut world, keys).await;
    world
}

async fn restart(world: &mut World, keys: &str) {
    let url = world.sim.url();
    world.agent.kill().await;
    world
        .agent
        .start_again_where(&url, &TLS, (VARIABLE, keys))
        .await;
}

fn entry(name: &str, role: &str, key: Fingerprint) -> String {
    format!("{name}:{role}:{key}")
}

#[tokio::test]
async fn a_named_key_needs_no_code_and_another_key_is_refused() {
    let (client, other) = (Client::new(), Client::new());
    let world = world(&entry("ops", "admin", client.fingerprint())).await;
    let caller = client.status(&world.agent).await.caller.unwrap();
    assert_eq!(
        (caller.name.as_str(), caller.role()),
        ("ops", pb::Role::Admin)
    );
    assert!(!other.is_known(&world.agent).await);
    world.agent.logged_no_code();
    world.finish().await;
}

#[tokio::test]
async fn a_restart_does_not_bring_a_revoked_key_back() {
    let client = Client::new();
    let keys = entry("ops", "admin", client.fingerprint());
    let mut world = world(&keys).await;
    assert!(client.is_known(&world.agent).await);
    world.agent.revoke("ops").await.unwrap();
    assert!(!client.is_known(&world.agent).await);
    restart(&mut world, &keys).await;
    assert!(!client.is_known(&world.agent).await);
    world.finish().await;
}

#[tokio::test]
async fn another_key_in_the_settings_replaces_the_old_one() {
    let (old, new) = (Client::new(), Client::new());
    let mut world = world(&entry("ops", "admin", old.fingerprint())).await;
    assert!(old.is_known(&world.agent).await);
    restart(&mut world, &entry("ops", "reader", new.fingerprint())).await;
    assert!(!old.is_known(&world.agent).await);
    let caller = new.status(&world.agent).await.caller.unwrap();
    assert_eq!(caller.role(), pb::Role::Reader);
    world.finish().await;
}

#[tokio::test]
async fn an_invalid_list_of_keys_is_a_configuration_error() {
    let key = Client::new().fingerprint();
    for (listen, keys, reported) in [
        (true, "cormorant".to_owned(), "NAME:ROLE:SHA256:"),
        (
            true,
            entry("ops", "root", key),
            "reader, sender, operator or admin",
        ),
        (
            true,
            "ops:admin:SHA256:AAAA".to_owned(),
            "43 characters of base64",
        ),
        (false, entry("ops", "admin", key), "without --listen"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = bare::binary(folder.path());
        command
            .args(["--create-key-file", "--http", "127.0.0.1:0"])
            .args(["--whatsapp-url", "ws://127.0.0.1:1/"])
            .args(TLS.iter().filter(|_| listen))
            .env(VARIABLE, &keys);
        let ended = bare::run(&mut command, "").await;
        assert_eq!(ended.code, Some(64), "{keys}: {ended:?}");
        assert!(ended.stderr.contains(VARIABLE), "{keys}: {ended:?}");
        assert!(ended.stderr.contains(reported), "{keys}: {ended:?}");
    }
}
