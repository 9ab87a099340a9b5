//! `openclawctl pair --experimental-passkey`, with a program that has the account's passkey: the agent's half is real, and
//! the simulator's authenticator signs.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use openclaw_sim::Passkeys;
use openclaw_sim::webauthn::Forgery;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::harness::bare::BINARY;
use crate::harness::{ACCOUNT, POLL, TEST_TIMEOUT, World};

/// Runs `authenticator.sh` of the current directory.
const PROGRAM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ctl/tests/cli/authenticator"
);
/// Passes the options to the test, and the answer back.
const SCRIPT: &str = "cat >options.part; mv options.part options
until test -e answer; do sleep 0.05; done; cat answer";

async fn until_there(path: &Path) -> String {
    let waiting = async {
        while !path.exists() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, waiting).await.unwrap();
    fs::read_to_string(path).unwrap()
}

#[tokio::test]
#[ignore = "needs openclawctl next to the agent: run by scripts/test"]
async fn openclawctl_links_with_a_program_that_uses_the_passkey() {
    let world = World::new().await;
    world.phone().require_passkey(Passkeys::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let here = home.path();
    fs::write(here.join("authenticator.sh"), SCRIPT).unwrap();
    let mut client = Command::new(Path::new(BINARY).with_file_name("openclawctl"))
        .args(["pair", "--format", "raw"])
        .arg(format!("--experimental-passkey={PROGRAM}"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", here)
        .env(
            "OPENCLAW_AGENT",
            format!("unix:{}", world.agent.socket.display()),
        )
        .current_dir(here)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("scripts/test builds openclawctl first; or: cargo build -p openclawctl");
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let code = lines.next_line().await.unwrap().unwrap();
    let phone = world.phone();
    let scan = tokio::spawn(async move { phone.scan(&code).await });

    let options = until_there(&here.join("options")).await;
    let options = serde_json::from_str(&options).unwrap();
    let answer = world.phone().assert_passkey(&options, &Forgery::default());
    fs::write(here.join("answer.part"), answer.unwrap().to_string()).unwrap();
    fs::rename(here.join("answer.part"), here.join("answer")).unwrap();

    scan.await.unwrap().unwrap();
    let ended = tokio::time::timeout(TEST_TIMEOUT, client.wait()).await;
    assert!(ended.unwrap().unwrap().success());
    assert_eq!(world.agent.link().await.phone, ACCOUNT);
    world.everything_reports_connected().await;
    world.finish().await;
}
