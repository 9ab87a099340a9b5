//! The command itself, and the agent that starts on what it made.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind as EventKind;
use openclaw_sim::{By, Sim};
use serde_json::Value;
use tokio::process::Command;

use super::source::Source;
use super::variants::recorded;
use super::{LOST, LOST_IN_GROUP, Left, left};
use crate::harness::{ACCOUNT, ANNA, Agent, BERT, PATIENCE, VOLUME, WORD, World, lid, request};

const BINARY: &str = env!("CARGO_BIN_EXE_openclaw-agent");

fn command(folder: &Path, from: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .env_clear()
        .current_dir(folder)
        .args(["--auth-dir", VOLUME, "--create-key-file", "import-baileys"])
        .arg(from)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn import(folder: &Path, from: &Path, args: &[&str]) -> Output {
    let output = command(folder, from).args(args).output();
    tokio::time::timeout(PATIENCE, output)
        .await
        .unwrap()
        .unwrap()
}

/// Nothing that was printed has a number or a LID in it.
fn tells_nothing(output: &Output) -> (String, String) {
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|stream| String::from_utf8(stream.clone()).unwrap());
    for number in [ACCOUNT, ANNA, BERT] {
        for secret in [number.trim_start_matches('+'), &lid(number)] {
            assert!(
                !stdout.contains(secret) && !stderr.contains(secret),
                "{stdout}{stderr}"
            );
        }
    }
    (stdout, stderr)
}

/// The volume shows neither numbers nor names nor keys of what was imported.
fn is_sealed(volume: &Path, source: &Source) {
    let creds = source.json("creds.json");
    let private = |key: &str| super::spelling::buffer(&creds[key]["private"]["data"]);
    let mut secrets = vec![private("noiseKey"), private("signedIdentityKey")];
    for number in [ACCOUNT, ANNA, BERT] {
        secrets.push(number.trim_start_matches('+').as_bytes().to_vec());
        secrets.push(lid(number).into_bytes());
    }
    for entry in fs::read_dir(volume).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn the_agent_goes_on_from_an_imported_volume() {
    let Left { sim, source, group } = left().await;
    let before = source.state();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let imported = import(folder.path(), source.dir(), &[]).await;
    let (stdout, stderr) = tells_nothing(&imported);
    assert!(imported.status.success(), "{stderr}");
    assert!(
        stdout.starts_with("Imported: +1 555 XXX XXXX, device 1, from creds.json\n"),
        "{stdout}"
    );
    assert!(!stdout.contains("Skipped"), "{stdout}");
    assert_eq!(source.state(), before);
    is_sealed(&folder.path().join(VOLUME), &source);

    let again = import(folder.path(), source.dir(), &[]).await;
    let (stdout, stderr) = tells_nothing(&again);
    assert_eq!((again.status.code(), stdout.as_str()), (Some(4), ""));
    assert!(
        stderr.contains("already linked to +1 555 XXX XXXX") && stderr.contains("hint: "),
        "{stderr}"
    );

    let agent = Agent::start_in(folder, &sim.url(), &[]).await;
    let world = World::of(sim, agent);
    world.agent.until_state(LinkState::Connected).await;
    let mut events = world.watch().await;
    let lost = [LOST, LOST_IN_GROUP].map(|id| format!("{WORD} {id}"));
    let mut heard = events.texts(2).await;
    heard.sort();
    assert_eq!(heard, lost);
    for (number, by) in [(ANNA, By::Lid), (BERT, By::Pn)] {
        let question = format!("{WORD} to the agent from {number}");
        world
            .peer(number)
            .send_text(ACCOUNT, &question, by)
            .await
            .unwrap();
        assert_eq!(events.message().await.text(), question);
        let sent = world.send(number, WORD).await.unwrap();
        let peer = world.peer(number);
        let answer = peer.wait_for(|heard| heard.id == sent.message_id, PATIENCE);
        assert_eq!(answer.await.unwrap().kind, "msg", "no new session");
    }
    let sent = world.send_with(request(&group, WORD)).await.unwrap();
    for number in [ANNA, BERT] {
        let peer = world.peer(number);
        let heard = peer.wait_for(|heard| heard.id == sent.message_id, PATIENCE);
        assert_eq!(heard.await.unwrap().kind, "skmsg");
    }
    world.all_acked().await;
    for event in world.events().await {
        assert!(
            !matches!(event.kind, Some(EventKind::Undecryptable(_))),
            "{event:?}"
        );
    }
    assert_eq!(world.phone().companions().len(), 1, "no new link");
    world.finish().await;
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn what_cannot_be_imported_makes_no_volume() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = Source::new();
    nothing.put("notes.txt", b"hello");
    let refused = import(folder.path(), nothing.dir(), &["--json"]).await;
    let (stdout, stderr) = tells_nothing(&refused);
    assert_eq!((refused.status.code(), stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.starts_with("error: there is no creds.json in ") && stderr.contains("\nhint: "),
        "{stderr}"
    );
    assert!(!folder.path().join(VOLUME).join("vault.hdr").exists());
}

/// The device is written last: until then there is no account, and from then on all of it.
#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn an_import_that_is_killed_can_be_repeated() {
    let source = Source::of(&recorded().await.0);
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    for ms in [5, 15, 30, 60, 90, 120, 180] {
        let mut running = command(folder.path(), source.dir()).spawn().unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(ms), running.wait()).await;
        running.kill().await.unwrap();
    }
    let last = import(folder.path(), source.dir(), &["--json"]).await;
    let (stdout, stderr) = tells_nothing(&last);
    match last.status.code() {
        Some(0) => {
            let report: Value = serde_json::from_str(&stdout).unwrap();
            assert_eq!(report["account"], "+1 555 XXX XXXX");
            assert_eq!(report["skipped"], Value::Array(Vec::new()));
        }
        // One of the earlier ones came to its end.
        Some(4) => assert!(stderr.contains("already linked"), "{stderr}"),
        _ => panic!("{stderr}"),
    }
    let agent = Agent::start_in(folder, &sim.url(), &[]).await;
    // This simulator never linked the device: it says so, which takes credentials to say it to.
    agent.until_state(LinkState::LoggedOut).await;
}
