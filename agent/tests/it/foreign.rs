//! The contract as grpcio understands it, a gRPC that shares no code with ours: `agent/tests/foreign/client.py` calls
//! every method of every service that reflection tells it of.
//!
//! `scripts/with-python` brings grpcio.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use openclaw_sim::By;

use crate::access::ONLY_ANNA;
use crate::harness::{ACCOUNT, ANNA, PATIENCE, World};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/client.py");

#[tokio::test]
#[ignore = "needs grpcio: run by scripts/test"]
async fn grpcio_calls_every_method_in_plain_text() {
    let rules = tempfile::tempdir().unwrap();
    let file = rules.path().join("openclaw.yml");
    std::fs::write(&file, ONLY_ANNA).unwrap();
    // The agent comes back to the same address when it has replaced itself.
    let address = free_address();
    let args = [
        "--config",
        file.to_str().unwrap(),
        "--listen-plaintext",
        &address,
    ];
    let world = World::with(openclaw_sim::Config::default(), &args).await;
    let called = run(&world, &[&address, "every", ACCOUNT, ANNA]).await;
    assert!(called.len() >= 19, "{called:?}");
    world.finish().await;
}

/// Runs the script to its end, and does what it asks for meanwhile. What it called.
async fn run(world: &World, args: &[&str]) -> Vec<String> {
    let python = std::env::var("GRPCIO_PYTHON").expect("scripts/with-python sets it");
    let mut script = Command::new(python)
        .arg(SCRIPT)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(script.stdout.take().unwrap()).lines();
    let mut called = Vec::new();
    let talk = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let wish: serde_json::Value = serde_json::from_str(&line).unwrap();
            let text = |name: &str| wish[name].as_str();
            if let Some(code) = text("scan") {
                world.phone().scan(code).await.unwrap();
            } else if let Some(code) = text("type") {
                world.phone().enter_code(code).await.unwrap();
            } else if let Some(words) = text("hear") {
                let anna = world.peer(ANNA);
                anna.send_text(ACCOUNT, words, By::Lid).await.unwrap();
            } else if let Some(names) = wish["called"].as_array() {
                let names = names.iter().filter_map(|name| name.as_str());
                called = names.map(str::to_owned).collect();
            }
        }
        script.wait().await.unwrap()
    };
    let ended = tokio::time::timeout(4 * PATIENCE, talk).await;
    assert!(
        ended.expect("the script ends").success(),
        "it says why above"
    );
    called
}

/// An address that nobody listens on now.
fn free_address() -> String {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    taken.local_addr().unwrap().to_string()
}
