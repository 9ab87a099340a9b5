//! Tests that data files cannot express: non-UTF-8 variables, symlinks, and files that appear meanwhile.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;

use crate::program::{BINARY, Program};
use crate::script::Script;
use crate::scripted_agent::ScriptedAgent;

fn run(dir: &Path, args: &[&str], env: &[(&str, OsString)]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(args).env_clear().current_dir(dir);
    command.env("XDG_CONFIG_HOME", dir.join("config"));
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.output().unwrap()
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_and_named() {
    let dir = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("OPENCLAW_AGENT", &["status"][..]),
        ("OPENCLAW_CONTEXT", &["status"]),
        ("OPENCLAW_SOCKET", &["watch", "--once"]),
        ("OPENCLAW_ENROLL_CODE", &["enroll", "127.0.0.1:1"]),
    ] {
        for bytes in [&b"unix:/run/\xa0"[..], b"\xff\xfe\x31", b"9F2K-\xc3"] {
            let value = OsString::from_vec(bytes.to_vec());
            let output = run(dir.path(), args, &[(name, value)]);
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(64), "{name}: {text}");
            assert!(
                text.starts_with(&format!("error: {name} is not UTF-8 text\nhint: ")),
                "{text}"
            );
        }
    }
}

/// A pairing whose second code is sent on request; returns the file `code.png` before, between and after the codes.
async fn pairing(dir: &Path, args: &[&str], between: impl FnOnce(&Path)) -> (Option<i32>, String) {
    let script = Script {
        pair: [vec![
            json!({"qr": {"payload": "2@first", "ordinal": 1}}),
            json!({"when": "go on"}),
            json!({"qr": {"payload": "2@second", "ordinal": 2}}),
            json!({"failed": {"reason": "PAIR_FAILURE_REASON_DEADLINE"}}),
        ]]
        .into(),
        ..Script::default()
    };
    let printed = Arc::new(watch::Sender::default());
    let socket = dir.join("agent.sock");
    let _agent = ScriptedAgent::start(&socket, script, printed.subscribe()).await;
    let env = [(
        "OPENCLAW_AGENT".to_owned(),
        format!("unix:{}", socket.display()),
    )]
    .into();
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let program = Program::start(dir, &args, &env, None, &printed).await;
    program.until_printed("code written to").await;
    between(&dir.join("code.png"));
    printed.send_modify(|printed| printed.push_str("go on"));
    let ended = program.end().await;
    (ended.exit, ended.stderr)
}

#[tokio::test]
async fn a_foreign_file_created_meanwhile_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["pair", "--format", "png=code.png"];
    let (exit, text) = pairing(dir.path(), &args, |path| {
        fs::remove_file(path).unwrap();
        fs::write(path, "a holiday").unwrap();
    })
    .await;
    assert_eq!(exit, Some(2), "{text}");
    assert!(text.contains("error: code.png exists already"), "{text}");
    assert_eq!(
        fs::read_to_string(dir.path().join("code.png")).unwrap(),
        "a holiday"
    );
}

#[tokio::test]
async fn our_own_file_is_replaced_by_the_next_code_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["pair", "--format", "png=code.png"];
    let (exit, text) = pairing(dir.path(), &args, |path| assert!(path.exists())).await;
    assert_eq!(exit, Some(1), "{text}");
    assert!(!dir.path().join("code.png").exists());
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert_eq!(left, ["agent.sock"]);
}

#[tokio::test]
async fn a_symlink_counts_as_an_existing_file_and_its_target_is_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("holiday"), "a holiday").unwrap();
    symlink("holiday", at("code.png")).unwrap();
    symlink("nowhere", at("dangling.png")).unwrap();
    for name in ["code.png", "dangling.png"] {
        let format = format!("png={name}");
        let output = run(
            dir.path(),
            &["pair", "--agent", "/nowhere.sock", "--format", &format],
            &[],
        );
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.starts_with(&format!("error: {name} exists already")),
            "{text}"
        );
    }
    let args = ["pair", "--format", "png=code.png", "--force"];
    let (exit, _) = pairing(dir.path(), &args, |path| {
        assert!(!fs::symlink_metadata(path).unwrap().is_symlink());
    })
    .await;
    assert_eq!(exit, Some(1));
    assert_eq!(fs::read_to_string(at("holiday")).unwrap(), "a holiday");
    assert!(!at("nowhere").exists() && fs::symlink_metadata(at("code.png")).is_err());
}
