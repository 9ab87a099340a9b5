//! A passphrase typed on a terminal: asked for twice for encryption, never shown, and the terminal is restored in every
//! case.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::screen::start;
use crate::script::Script;
use crate::terminal::Terminal;

const FIRST: &str = "Passphrase of the backup:";
const AGAIN: &str = "Repeat it:";
const WORDS: &str = "some fine words";
const SIZE: (u16, u16) = (100, 24);

fn backing_up(steps: Vec<Value>) -> Script {
    Script {
        backup: [steps].into(),
        ..Script::default()
    }
}

fn whole() -> Value {
    json!({"sealed": {"records": 3}})
}

async fn until_asked(terminal: &mut Terminal, question: &str) {
    let asked = |t: &Terminal| t.text().trim_end().ends_with(question) && !t.is_as_before();
    terminal.until(question, asked).await;
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "agent.sock")
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_new_passphrase_is_asked_for_twice_and_never_shown() {
    let script = backing_up(vec![whole()]);
    let (dir, agent, mut terminal) = start(script, &["backup", "b"], &[], SIZE).await;
    until_asked(&mut terminal, FIRST).await;
    terminal.type_keys(&format!("{WORDS}\r")).await;
    until_asked(&mut terminal, AGAIN).await;
    terminal.type_keys(&format!("{WORDS}\r")).await;
    assert_eq!(terminal.end().await, Some(0), "{}", terminal.text());
    assert!(!terminal.raw().contains("fine"));
    assert!(terminal.is_as_before());
    assert!(terminal.text().contains("Backed up: 3 records"));
    assert_eq!(names(dir.path()), ["b"]);
    assert_eq!(
        agent.asked().last().map(String::as_str),
        Some(r#"Backup {"secret":{"passphrase":"some fine words"}}"#)
    );
}

#[tokio::test]
async fn two_different_passphrases_encrypt_nothing() {
    let script = backing_up(vec![whole()]);
    let (dir, agent, mut terminal) = start(script, &["backup", "b"], &[], SIZE).await;
    until_asked(&mut terminal, FIRST).await;
    terminal.type_keys(&format!("{WORDS}\r")).await;
    until_asked(&mut terminal, AGAIN).await;
    terminal.type_keys("some other words\r").await;
    assert_eq!(terminal.end().await, Some(1));
    assert!(
        terminal
            .text()
            .contains("error: the two passphrases differ")
    );
    assert!(terminal.is_as_before());
    assert_eq!(names(dir.path()), [""; 0]);
    assert_eq!(agent.asked(), ["Status {}"]);
}

#[tokio::test]
async fn ctrl_c_ctrl_d_and_sigterm_restore_the_terminal() {
    for keys in ["half\x03", "\x04", ""] {
        let script = backing_up(vec![whole()]);
        let (dir, agent, mut terminal) = start(script, &["backup", "b"], &[], SIZE).await;
        until_asked(&mut terminal, FIRST).await;
        if keys.is_empty() {
            terminal.terminate();
        } else {
            terminal.type_keys(keys).await;
        }
        assert_eq!(terminal.end().await, Some(1), "{keys:?}");
        assert!(terminal.is_as_before(), "{keys:?}: {}", terminal.text());
        assert!(
            terminal
                .text()
                .contains("error: stopped: nothing was changed")
        );
        assert_eq!(names(dir.path()), [""; 0], "{keys:?}");
        assert_eq!(agent.asked(), ["Status {}"]);
    }
}

#[tokio::test]
async fn an_existing_passphrase_is_asked_for_once() {
    let script = backing_up(vec![whole()]);
    let shell = "umask 077 && printf 'some fine words' > p && \"$0\" backup b --passphrase-file p && \"$0\" \"$@\"";
    let args = ["backup", "verify", "b"];
    let (_dir, _agent, mut terminal) =
        crate::screen::start_in(Some(shell), script, &args, &[], SIZE).await;
    until_asked(&mut terminal, FIRST).await;
    terminal.type_keys(&format!("{WORDS}\r")).await;
    assert_eq!(terminal.end().await, Some(0), "{}", terminal.text());
    assert!(terminal.text().contains("Verified: 3 records"));
    assert!(!terminal.text().contains(AGAIN));
}

#[tokio::test]
async fn a_backup_is_not_written_to_a_terminal() {
    let args = ["backup", "-"];
    let (_dir, agent, mut terminal) = start(Script::default(), &args, &[], SIZE).await;
    assert_eq!(terminal.end().await, Some(2));
    assert!(
        terminal
            .text()
            .contains("error: a backup is not written to a terminal")
    );
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn progress_is_one_line_that_is_removed() {
    let steps = vec![
        json!({"start": {"records": 812, "estimated_size_bytes": 420_000}}),
        json!({"chunk": "aGFsZg=="}),
        json!({"hold": true}),
    ];
    let shell = "umask 077 && printf 'some fine words' > p && \"$0\" \"$@\"";
    let args = ["backup", "b", "--passphrase-file", "p"];
    let (_dir, agent, mut terminal) =
        crate::screen::start_in(Some(shell), backing_up(steps), &args, &[], SIZE).await;
    let shown = |t: &Terminal| t.text().ends_with("4 bytes of about 0.4 MB, 812 records");
    terminal.until("the progress", shown).await;
    terminal.type_keys("\x03").await;
    terminal.end().await;
    assert!(!terminal.text().contains("of about"), "{}", terminal.text());
    assert!(
        terminal
            .text()
            .contains("error: stopped before the backup was complete")
    );
    agent.until_asked("Backup closed").await;
}
