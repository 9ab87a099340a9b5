//! A failing stdout: the exit code of a command that changes something does not depend on it, and its report goes to
//! stderr. The result of a query is lost, which is a failure.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::watch;

use crate::program::{BINARY, DEADLINE};
use crate::script::Script;
use crate::scripted_agent::ScriptedAgent;

/// Outputs that cannot be written.
fn unwritable() -> [(&'static str, Stdio); 2] {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    [
        ("/dev/full", Stdio::from(full)),
        ("a closed pipe", Stdio::from(OwnedFd::from(writer))),
    ]
}

/// The exit code and stderr.
async fn run(args: &[&str], script: Script, stdout: Stdio) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("agent.sock");
    let printed = Arc::new(watch::Sender::default());
    let _agent = ScriptedAgent::start(&socket, script, printed.subscribe()).await;
    let env = BTreeMap::from([
        ("OPENCLAW_AGENT", format!("unix:{}", socket.display())),
        ("HOME", dir.path().to_string_lossy().into_owned()),
    ]);
    let child = Command::new(BINARY)
        .args(args)
        .env_clear()
        .envs(env)
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let ended = ended.unwrap().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    (ended.status.code(), stderr)
}

fn script(parts: Value) -> Script {
    serde_json::from_value(parts).unwrap()
}

#[tokio::test]
async fn a_change_succeeds_even_if_stdout_fails() {
    let sent =
        json!({"message_id": "3EB0AA", "state": "SEND_STATE_SERVER_ACK", "client_token": "t-1"});
    let code = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH";
    let cases: [(&[&str], Value, i32, &str); 15] = [
        (
            &["send", "+15550100002", "hi"],
            json!({"send": [sent]}),
            0,
            "3EB0AA",
        ),
        (
            &["send", "+15550100002", "hi", "--wait", "read"],
            json!({"send": [sent]}),
            5,
            "3EB0AA",
        ),
        (
            &["outbox", "cancel", "t-1"],
            json!({"cancel_send": [{"message_id": "3EB0AA", "never_sent": true}]}),
            0,
            "3EB0AA",
        ),
        (
            &["allow", "add", "+15550100002"],
            json!({"add_allowed": [{"added": true}]}),
            0,
            "Added",
        ),
        (
            &["allow", "remove", "+15550100002"],
            json!({"remove_allowed": [{}]}),
            0,
            "Removed",
        ),
        (
            &["allow", "reload"],
            json!({"reload_rules": [{"rules": {}}]}),
            0,
            "Reloaded",
        ),
        (
            &["consumers", "remove", "billing"],
            json!({"remove_consumer": [{}]}),
            0,
            "billing",
        ),
        (
            &["clients", "invite"],
            json!({"invite_client": [{"code": code, "role": "ROLE_OPERATOR"}]}),
            0,
            code,
        ),
        (
            &["clients", "revoke", "laptop"],
            json!({"revoke_client": [{"client": {"name": "laptop"}}]}),
            0,
            "laptop",
        ),
        (
            &["alerts", "test"],
            json!({"test_alert": [{"delivered": true, "host": "hooks.example.com", "status": 200}]}),
            0,
            "hooks.example.com",
        ),
        (
            &["unpair", "--yes"],
            json!({"status": [{}], "unpair": [{"confirmed": true}]}),
            0,
            "Unlinked",
        ),
        (
            &["rollback", "accept"],
            json!({"status": [{}, {}], "rollback": [{}]}),
            0,
            "Accepted",
        ),
        (
            &["pair", "--format", "raw"],
            json!({"pair": [[{"scanned": {}}, {"linked": {"phone": "+15550100001"}}]]}),
            0,
            "Linked",
        ),
        (
            &["pair", "--json"],
            json!({"pair": [[{"scanned": {}}, {"linked": {"phone": "+15550100001"}}]]}),
            0,
            "linked",
        ),
        (
            &["health"],
            json!({"health": {"whatsapp": "NOT_SERVING"}}),
            1,
            "not serving",
        ),
    ];
    for (args, answers, exit, shown) in cases {
        for json in [false, true] {
            let mut args = args.to_vec();
            if json && !args.contains(&"--json") {
                args.push("--json");
            }
            for (place, stdout) in unwritable() {
                let (ended, stderr) = run(&args, script(answers.clone()), stdout).await;
                assert_eq!(ended, Some(exit), "{args:?} into {place}: {stderr}");
                let shown = if json { "" } else { shown };
                assert!(stderr.contains(shown), "{args:?} into {place}: {stderr}");
                assert!(!stderr.is_empty(), "{args:?} into {place}");
            }
        }
    }
}

#[tokio::test]
async fn a_single_use_code_is_not_lost_in_json_output() {
    let code = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH";
    for (place, stdout) in unwritable() {
        let answers = json!({"invite_client": [{"code": code, "role": "ROLE_OPERATOR"}]});
        let args = ["clients", "invite", "--json"];
        let (ended, stderr) = run(&args, script(answers), stdout).await;
        assert_eq!(ended, Some(0), "{place}");
        let note: Value = serde_json::from_str(&stderr).unwrap();
        assert_eq!(note["note"], "stdout_not_written", "{place}");
        assert_eq!(note["answer"]["code"], code, "{place}");
    }
}

#[tokio::test]
async fn a_read_command_fails_when_stdout_fails() {
    let cases: [(&[&str], Value); 3] = [
        (&["status"], json!({"status": [{}]})),
        (
            &["clients", "list"],
            json!({"list_clients": [{"clients": [{"name": "a"}]}]}),
        ),
        (
            &["doctor"],
            json!({"diagnose": [{"findings": [{"check": "link", "text": "x"}]}]}),
        ),
    ];
    for (args, answers) in cases {
        let [(_, full), (_, closed)] = unwritable();
        let (ended, stderr) = run(args, script(answers.clone()), full).await;
        assert_eq!(ended, Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains("write to stdout"), "{args:?}: {stderr}");
        // A reader that closes the pipe has all it wants, like `head`.
        let (ended, _) = run(args, script(answers), closed).await;
        assert_eq!(ended, Some(0), "{args:?}");
    }
}

#[tokio::test]
async fn a_qr_code_that_cannot_be_shown_is_a_failure() {
    for args in [&["pair", "--format", "raw"][..], &["pair", "--json"]] {
        for (place, stdout) in unwritable() {
            let answers = json!({"pair": [[
                {"qr": {"payload": crate::codes::PAYLOAD, "ordinal": 1}},
                {"hold": true},
            ]]});
            let (ended, stderr) = run(args, script(answers), stdout).await;
            assert_eq!(ended, Some(1), "{args:?} into {place}: {stderr}");
            assert!(stderr.contains("error"), "{args:?} into {place}: {stderr}");
        }
    }
}
