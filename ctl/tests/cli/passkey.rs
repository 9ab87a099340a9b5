//! `pair --experimental-passkey`: programs that misbehave, and the terminal that they leave.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::program::Program;
use crate::screen::{assertion, code, hold, pairing, start_in};
use crate::script::Script;
use crate::scripted_agent::ScriptedAgent;

const AUTHENTICATOR: &str = concat!(
    "--experimental-passkey=",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/cli/authenticator"
);
/// Where `authenticator.sh` of the directory is run instead of a program that answers.
const ASKS: &str = "uses it (experimental)";

fn challenge() -> Value {
    json!({"passkey": {"request_options_json": r#"{"challenge":"YWJj"}"#, "expires_at": "now+600s"}})
}

fn expired() -> Value {
    json!({"failed": {"reason": "PAIR_FAILURE_REASON_PASSKEY_REQUIRED", "hint": "pair again"}})
}

/// Starts the client through pipes, with this script as its program, and an agent that takes these steps.
async fn start(program: &str, steps: Vec<Value>) -> (TempDir, ScriptedAgent, Program) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("authenticator.sh"), program).unwrap();
    let printed = Arc::new(watch::Sender::default());
    let socket = dir.path().join("agent.sock");
    let agent = ScriptedAgent::start(&socket, pairing(steps), printed.subscribe()).await;
    let env = BTreeMap::from([
        (
            "OPENCLAW_AGENT".to_owned(),
            format!("unix:{}", socket.display()),
        ),
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
    ]);
    let args = ["pair".to_owned(), AUTHENTICATOR.to_owned()];
    let client = Program::start(dir.path(), &args, &env, None, &printed).await;
    (dir, agent, client)
}

#[tokio::test]
async fn whatever_a_program_does_wrong_a_browser_can_still_answer() {
    let other = assertion("YWJk");
    for (program, error) in [
        ("exit 0", "this is not the answer: it is incomplete"),
        ("echo hello", "this is not the answer: it is not JSON"),
        ("echo '{}'", "it has no response.clientDataJSON"),
        (
            &format!("echo '{other}'"),
            "this answer belongs to another pairing",
        ),
        (
            &format!("echo '{}'; exit 1", assertion("YWJj")),
            "authenticator failed with exit code 1",
        ),
        ("kill -9 $$", "authenticator was ended by signal 9"),
        ("exec yes {", "authenticator printed too much for an answer"),
        (
            r"printf '\377'",
            "authenticator printed something that is not UTF-8",
        ),
        (
            "exec >&- sleep 600",
            "authenticator closed its output, but did not end",
        ),
        (
            "sleep 20 2>&- & exit 0",
            "authenticator ended, but a program that it started did not",
        ),
    ] {
        let steps = vec![challenge(), json!({"when": "another client"}), expired()];
        let (_dir, agent, client) = start(program, steps).await;
        let ended = client.end().await;
        assert_eq!(ended.exit, Some(1), "{program}: {}", ended.stderr);
        assert!(ended.stderr.contains(error), "{program}: {}", ended.stderr);
        let browser = ended.stderr.contains("Continuing with a browser.");
        assert!(browser && ended.stdout.contains("navigator.credentials.get"));
        assert!(!agent.asked().iter().any(|it| it.starts_with("Answer")));
        assert!(!ended.stderr.contains("YWJ"), "{program}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn the_end_of_the_ceremony_ends_the_program() {
    let steps = vec![challenge(), json!({"when": "asking"}), expired()];
    let (_dir, _agent, client) = start("echo asking >&2; exec sleep 600", steps).await;
    // Its stderr is the client's, so this returns only when it has ended as well.
    let ended = client.end().await;
    assert_eq!(ended.exit, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.ends_with("hint: pair again\n"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("browser"), "{}", ended.stderr);
}

#[tokio::test]
async fn ctrl_c_ends_the_program() {
    let program = "trap '' INT; echo asking >&2; exec sleep 600";
    let (_dir, agent, client) = start(program, vec![challenge(), hold()]).await;
    client.until_printed("asking").await;
    client.interrupt();
    let ended = client.end().await;
    assert_eq!(ended.exit, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("error: stopped before"),
        "{}",
        ended.stderr
    );
    agent.until_asked("Pair closed").await;
}

/// The client on a terminal, whose program switches the echo off first.
async fn on_a_terminal(
    program: &str,
    steps: Vec<Value>,
) -> (TempDir, ScriptedAgent, crate::terminal::Terminal) {
    let script = Script {
        answer_passkey: [json!({})].into(),
        ..pairing(steps)
    };
    let line = format!(
        "cat >authenticator.sh <<'X'\nstty -echo </dev/tty; echo asking >&2\n{program}\nX\nexec \"$0\" \"$@\""
    );
    let env = [("PATH", "/usr/bin:/bin")];
    start_in(
        Some(&line),
        script,
        &["pair", AUTHENTICATOR],
        &env,
        (100, 60),
    )
    .await
}

#[tokio::test]
async fn a_killed_program_leaves_the_terminal_as_it_was() {
    let steps = vec![
        code(),
        json!({"when": "Code 1"}),
        challenge(),
        json!({"when": "asking"}),
        expired(),
    ];
    let (_dir, _agent, mut terminal) = on_a_terminal("exec sleep 600", steps).await;
    terminal
        .until("the program", |t| t.text().contains("asking"))
        .await;
    assert!(terminal.text().contains(ASKS), "{}", terminal.text());
    assert!(
        !terminal.text().contains("Time left"),
        "{}",
        terminal.text()
    );
    assert_eq!(terminal.end().await, Some(1), "{}", terminal.text());
    assert!(terminal.is_as_before(), "{}", terminal.text());
}

#[tokio::test]
async fn after_a_failed_program_the_answer_can_be_pasted() {
    let steps = vec![
        code(),
        json!({"when": "Code 1"}),
        challenge(),
        json!({"when": "Accepted"}),
        json!({"scanned": {}}),
        json!({"linked": {"phone": "+15550100001"}}),
    ];
    let (_dir, agent, mut terminal) = on_a_terminal("exit 1", steps).await;
    terminal
        .until("the steps, and the time left", |t| {
            t.text().contains("4. Paste the answer here") && t.text().contains("Time left: 9:")
        })
        .await;
    terminal.type_keys(&(assertion("YWJj") + "\r")).await;
    agent.until_asked("AnswerPasskey ").await;
    assert_eq!(terminal.end().await, Some(0), "{}", terminal.text());
    assert!(terminal.is_as_before(), "{}", terminal.text());
}
