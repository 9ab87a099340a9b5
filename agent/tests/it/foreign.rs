//! Interoperability with grpcio, a gRPC implementation that shares no code with ours: `agent/tests/foreign/client.py`
//! calls every method of every service that reflection lists.
//!
//! `scripts/with-python` installs grpcio.

use std::process::Stdio;

use openclaw_sim::{By, spare_port};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::access::ONLY_ANNA;
use crate::harness::{ACCOUNT, ANNA, TEST_TIMEOUT, World};
use crate::runbook::Shell;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/client.py");

#[tokio::test]
#[ignore = "needs grpcio: run by scripts/test"]
async fn grpcio_calls_every_method_in_plain_text() {
    let rules = tempfile::tempdir().unwrap();
    let file = rules.path().join("openclaw.yml");
    std::fs::write(&file, ONLY_ANNA).unwrap();
    // The agent listens on the same address after it has replaced itself.
    let address = format!("127.0.0.1:{}", spare_port());
    let file = file.to_str().unwrap();
    // The client methods need a network listener.
    let elsewhere = ["--listen", "127.0.0.1:0"];
    let args = [
        &["--config", file, "--listen-plaintext", &address][..],
        &elsewhere,
    ]
    .concat();
    let world = World::with(openclaw_sim::Config::default(), &args).await;
    let called = run(&world, &[&address, "every", ACCOUNT, ANNA]).await;
    assert!(called.len() >= 19, "{called:?}");
    world.finish().await;
}

/// With the files that openclawctl exports for other programs; clients without them are refused.
#[tokio::test]
#[ignore = "needs grpcio, and openclawctl next to the agent: run by scripts/test"]
async fn grpcio_calls_every_method_over_mutual_tls_and_strangers_none() {
    let rules = tempfile::tempdir().unwrap();
    let file = rules.path().join("openclaw.yml");
    std::fs::write(&file, ONLY_ANNA).unwrap();
    let address = format!("127.0.0.1:{}", spare_port());
    let args = ["--config", file.to_str().unwrap(), "--listen", &address];
    let world = World::with(openclaw_sim::Config::default(), &args).await;
    let shell = Shell::new();
    let keys = keys(&world, &shell, &address).await;
    let keys = keys.to_str().unwrap();
    let called = run(&world, &[&address, "every", ACCOUNT, ANNA, keys]).await;
    assert!(called.len() >= 22, "{called:?}");
    // An unknown key, no certificate, and no TLS.
    let another = shell.folder().join("another");
    std::fs::create_dir(&another).unwrap();
    let stranger = openclaw_trust::Identity::generate().unwrap();
    std::fs::copy(format!("{keys}/agent.pem"), another.join("agent.pem")).unwrap();
    std::fs::write(another.join("client.pem"), stranger.certificate_pem()).unwrap();
    std::fs::write(
        another.join("client-key.pem"),
        stranger.key_pem().as_bytes(),
    )
    .unwrap();
    let another = another.to_str().unwrap();
    run(&world, &[&address, "refused", ACCOUNT, ANNA, another]).await;
    // Another certificate in place of the agent's.
    std::fs::copy(
        format!("{another}/client.pem"),
        format!("{another}/agent.pem"),
    )
    .unwrap();
    run(&world, &[&address, "refused", ACCOUNT, ANNA, another]).await;
    run(&world, &[&address, "revoked", ACCOUNT, ANNA, keys]).await;
    world.finish().await;
}

/// Enrolls with openclawctl, and exports the files.
async fn keys(world: &World, shell: &Shell, address: &str) -> std::path::PathBuf {
    let code = world.agent.first_code().await.reveal();
    let enroll = format!(
        "openclawctl enroll {address} --name grpcio --code-file - <<<{}",
        *code
    );
    for line in [&enroll, "openclawctl context export --pem keys"] {
        let (succeeded, printed) = shell.start(line, None).end().await;
        assert!(succeeded, "{printed}");
    }
    shell.folder().join("keys")
}

/// Runs the script to its end, and executes its requests meanwhile. Returns the methods that it called.
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
            let request: serde_json::Value = serde_json::from_str(&line).unwrap();
            let text = |name: &str| request[name].as_str();
            if let Some(code) = text("scan") {
                world.phone().scan(code).await.unwrap();
            } else if let Some(code) = text("type") {
                world.phone().enter_code(code).await.unwrap();
            } else if let Some(words) = text("receive") {
                let anna = world.peer(ANNA);
                anna.send_text(ACCOUNT, words, By::Lid).await.unwrap();
            } else if let Some(bytes) = request["show"].as_u64() {
                let picture = serde_json::json!({ "image": { "fill": bytes } });
                world.anna_sends(&picture).await;
            } else if request["revoke"].as_bool() == Some(true) {
                world.agent.revoke("grpcio").await.unwrap();
            } else if let Some(names) = request["called"].as_array() {
                let names = names.iter().filter_map(|name| name.as_str());
                called = names.map(str::to_owned).collect();
            }
        }
        script.wait().await.unwrap()
    };
    let ended = tokio::time::timeout(4 * TEST_TIMEOUT, talk).await;
    assert!(
        ended.expect("the script ends").success(),
        "its error is printed above"
    );
    called
}
