//! `openclawctl import baileys`, and the agent that continues with the imported account. `scripts/test` builds the
//! client.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind as EventKind;
use openclaw_sim::{By, Sim};
use serde_json::Value;
use tokio::process::Command;

use super::source::Source;
use super::variants::recorded;
use super::{LOST, LOST_IN_GROUP, StoppedGateway, stopped_gateway};
use crate::harness::bare::BINARY;
use crate::harness::{ACCOUNT, ANNA, Agent, BERT, TEST_TIMEOUT, WORD, World, lid, request};

/// A contact without earlier messages in either direction.
const STRANGER: &str = "+15550100004";

/// The command as an operator types it, with `home` as home and temporary directory.
fn command(home: &Path, agent: &Path, from: &Path) -> Command {
    let client = Path::new(BINARY).with_file_name("openclawctl");
    assert!(
        client.exists(),
        "scripts/test builds openclawctl first; or: cargo build -p openclawctl"
    );
    let mut command = Command::new(client);
    command
        .env_clear()
        .envs(["HOME", "TMPDIR"].map(|name| (name, home)))
        .env("OPENCLAW_AGENT", format!("unix:{}", agent.display()))
        .current_dir(home)
        .args(["import", "baileys"])
        .arg(from)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn import(home: &Path, agent: &Path, from: &Path, args: &[&str]) -> Output {
    let output = command(home, agent, from).args(args).output();
    tokio::time::timeout(TEST_TIMEOUT, output)
        .await
        .unwrap()
        .unwrap()
}

/// Checks that the output has no number and no LID.
fn has_no_numbers(output: &Output) -> (String, String) {
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

/// Checks that the volume shows no numbers, names or keys of the import.
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
async fn the_agent_continues_from_an_imported_folder() {
    let StoppedGateway { sim, source, group } = stopped_gateway().await;
    let before = source.state();
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::start(&sim.url(), &[]).await;
    let socket = agent.socket.clone();

    let checked = import(home.path(), &socket, source.dir(), &["--check"]).await;
    let (stdout, stderr) = has_no_numbers(&checked);
    assert!(checked.status.success(), "{stderr}");
    assert!(
        stdout.starts_with("Checked: +1 555 XXX XXXX, device 1, from creds.json\n"),
        "{stdout}"
    );
    assert_eq!(agent.link().await.state(), LinkState::Unlinked);
    assert_eq!(home.path().read_dir().unwrap().count(), 0);

    let imported = import(home.path(), &socket, source.dir(), &[]).await;
    let (stdout, stderr) = has_no_numbers(&imported);
    assert!(imported.status.success(), "{stderr}");
    assert!(
        stdout.starts_with("Imported: +1 555 XXX XXXX, device 1, from creds.json\n"),
        "{stdout}"
    );
    assert!(!stdout.contains("Skipped"), "{stdout}");
    assert!(stderr.starts_with("next: "), "{stderr}");
    assert_eq!(source.state(), before);

    let again = import(home.path(), &socket, source.dir(), &[]).await;
    let (stdout, stderr) = has_no_numbers(&again);
    assert_eq!((again.status.code(), stdout.as_str()), (Some(4), ""));
    assert!(
        stderr.starts_with(
            "error: the agent already has an account\nhint: start an agent with an empty"
        ),
        "{stderr}"
    );

    let world = World::of(sim, agent);
    world.agent.until_state(LinkState::Connected).await;
    let mut events = world.watch().await;
    let lost = [LOST, LOST_IN_GROUP].map(|id| format!("{WORD} {id}"));
    let mut received = events.texts(2).await;
    received.sort();
    assert_eq!(received, lost);
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
        let answer = peer.wait_for(|received| received.id == sent.message_id, TEST_TIMEOUT);
        assert_eq!(answer.await.unwrap().kind, "msg", "no new session");
    }
    let sent = world.send_with(request(&group, WORD)).await.unwrap();
    for number in [ANNA, BERT] {
        let peer = world.peer(number);
        let received = peer.wait_for(|received| received.id == sent.message_id, TEST_TIMEOUT);
        assert_eq!(received.await.unwrap().kind, "skmsg");
    }
    // The server requires a token for this message, and Baileys does not store the data for it.
    world.send(STRANGER, WORD).await.unwrap();
    world.all_acked().await;
    for event in world.events().await {
        assert!(
            !matches!(event.kind, Some(EventKind::Undecryptable(_))),
            "{event:?}"
        );
    }
    assert_eq!(world.phone().companions().len(), 1, "no new link");
    is_sealed(&world.agent.volume(), &source);
    world.finish().await;
}

/// The agent changes nothing before all data has arrived; from then on, it has an account.
#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn an_import_that_is_killed_can_be_repeated() {
    let source = Source::of(&recorded().await.0);
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::start(&sim.url(), &[]).await;
    let socket = agent.socket.clone();
    for ms in [5, 15, 30, 60, 90, 120, 180] {
        let mut running = command(home.path(), &socket, source.dir()).spawn().unwrap();
        let _ = tokio::time::timeout(Duration::from_millis(ms), running.wait()).await;
        running.kill().await.unwrap();
    }
    let last = import(home.path(), &socket, source.dir(), &["--json"]).await;
    let (stdout, stderr) = has_no_numbers(&last);
    match last.status.code() {
        Some(0) => {
            let report: Value = serde_json::from_str(&stdout).unwrap();
            assert_eq!(report["imported"], true);
            assert_eq!(report["account"], "+1 555 XXX XXXX");
            assert_eq!(report["skipped"], Value::Array(Vec::new()));
        }
        // One of the earlier imports was completed.
        Some(4) => assert!(stderr.contains("already has an account"), "{stderr}"),
        _ => panic!("{stderr}"),
    }
    // This simulator has never linked the device and says so; that answer requires a login with the credentials.
    agent.until_state(LinkState::LoggedOut).await;
}
