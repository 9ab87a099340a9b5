//! Settings as platforms and people really provide them: empty, in quotes, with invisible characters, not UTF-8, and
//! with misspelt names. The agent applies the intended value, or reports what it does not apply.

mod alerts;
mod allowlist;
mod names;
mod places;
mod proxies;
mod strength;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::harness::{Ended, STARTED, TEST_TIMEOUT, bare, new_key};

/// Arguments of an agent without a server.
const DEAD: [&str; 6] = [
    "--socket",
    "bare.sock",
    "--http",
    "127.0.0.1:0",
    "--whatsapp-url",
    "ws://127.0.0.1:1/ws/chat",
];

fn bytes(text: &[u8]) -> OsString {
    OsString::from_vec(text.to_vec())
}

/// A fixed key in hexadecimal: an agent in one directory is restarted several times.
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// An agent in this directory.
fn agent(folder: &Path) -> Command {
    let mut agent = bare::binary(folder);
    agent.args(DEAD).env("OPENCLAW_AUTH_KEY", KEY);
    agent
}

/// The log of an agent that is stopped right after its start.
async fn log(agent: &mut Command) -> Vec<serde_json::Value> {
    let mut child = agent
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    let mut log = Vec::new();
    // The lines about its rules follow, even if it must stop by then.
    let starting = async {
        let mut has_started = false;
        while let Some(line) = lines.next_line().await.unwrap() {
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
            if entry["message"] == STARTED {
                has_started = true;
                kill_process(pid, Signal::TERM).unwrap();
            }
            log.push(entry);
        }
        has_started
    };
    let started = tokio::time::timeout(TEST_TIMEOUT, starting).await;
    if started != Ok(true) {
        let _ = child.start_kill();
        let ended = child.wait_with_output().await.unwrap();
        panic!("it does not start: {ended:?}, {log:#?}");
    }
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    log
}

/// The lines at this level that contain a text.
fn lines<'a>(log: &'a [serde_json::Value], level: &str, text: &str) -> Vec<&'a serde_json::Value> {
    let is_it =
        |entry: &&serde_json::Value| entry["level"] == level && entry.to_string().contains(text);
    log.iter().filter(is_it).collect()
}

/// Checks for a configuration error whose first line names this.
fn is_refused(ended: &Ended, named: &str) {
    assert_eq!(ended.code, Some(64), "{ended:?}");
    let first = ended.stderr.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("error: ") && first.contains(named),
        "{named}: {ended:?}"
    );
    assert!(ended.stderr.contains("\nhint: "), "{ended:?}");
}

async fn ends_with(folder: &Path, name: &str, value: impl AsRef<OsStr>) -> Ended {
    let mut agent = agent(folder);
    bare::run(agent.env(name, value), "").await
}

/// Every variable of the agent that is not a secret, from its own help.
async fn variables() -> Vec<String> {
    let help = bare::run(bare::binary(Path::new("/")).arg("--help"), "").await;
    let named = help.stdout.match_indices("[env: ").map(|(at, start)| {
        let rest = &help.stdout[at + start.len()..];
        rest[..rest.find(['=', ']']).unwrap()].to_owned()
    });
    let mut named: Vec<String> = named.collect();
    // Hidden in the help, since they are set by platforms.
    named.extend(["PORT", "RAILWAY_TCP_PROXY_DOMAIN", "RAILWAY_TCP_PROXY_PORT"].map(str::to_owned));
    assert!(named.len() > 20, "{named:?}");
    named
}

#[tokio::test]
async fn an_empty_variable_counts_as_unset() {
    let variables = variables().await;
    for nothing in ["", " ", "\"\"", "''", "\u{feff}", "\n"] {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = agent(folder.path());
        for name in &variables {
            // This one has the location of the test's volume.
            if name != "OPENCLAW_AUTH_DIR" {
                agent.env(name, nothing);
            }
        }
        for name in [
            "OPENCLAW_AUTH_PASSPHRASE",
            "OPENCLAW_ALERT_URL",
            "OPENCLAW_ALERT_SECRET",
            "OPENCLAW_ENROLL_CODE",
        ] {
            agent.env(name, nothing);
        }
        let entries = log(&mut agent).await;
        assert_eq!(
            lines(&entries, "ERROR", "").len(),
            0,
            "{nothing:?}: {entries:#?}"
        );
    }
}

#[tokio::test]
async fn a_variable_that_is_not_utf_8_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut names = variables().await;
    names.extend(
        [
            "OPENCLAW_AUTH_PASSPHRASE",
            "OPENCLAW_ALERT_URL",
            "OPENCLAW_ALERT_SECRET",
            "OPENCLAW_ENROLL_CODE",
        ]
        .map(str::to_owned),
    );
    for name in names {
        let ended = ends_with(folder.path(), &name, bytes(b"/srv/\xa0")).await;
        is_refused(&ended, &name);
        assert!(
            ended.stderr.contains("is not UTF-8 text"),
            "{name}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn a_mistake_names_the_variable_or_the_flag_it_is_from() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, name, wrong) in [
        ("--http", "OPENCLAW_HTTP", "nowhere"),
        ("--log", "OPENCLAW_LOG", "loud"),
        ("--lock-wait", "OPENCLAW_LOCK_WAIT", "long"),
        ("--alert-after", "OPENCLAW_ALERT_AFTER", "never"),
        ("--alert-format", "OPENCLAW_ALERT_FORMAT", "xml"),
        ("--metrics", "OPENCLAW_METRICS", "perhaps"),
        ("--send-rate", "OPENCLAW_SEND_RATE", "-1"),
        ("--keepalive-limit", "OPENCLAW_KEEPALIVE_LIMIT", "0"),
        (
            "--listen-plaintext",
            "OPENCLAW_LISTEN_PLAINTEXT",
            "0.0.0.0:1",
        ),
        ("--run-as", "OPENCLAW_RUN_AS", "0:0"),
    ] {
        let mut without = bare::binary(folder.path());
        without
            .args(["--whatsapp-url", DEAD[5]])
            .env("OPENCLAW_AUTH_KEY", new_key().await);
        let ended = bare::run(without.env(name, wrong), "").await;
        is_refused(&ended, &format!("{name}: "));
        assert!(!ended.stderr.contains(&format!("{flag}:")), "{ended:?}");
        // A flag overrides its variable, and is then the one that is named.
        let ended = bare::run(without.env(name, "").args([&format!("{flag}={wrong}")]), "").await;
        is_refused(&ended, &format!("{flag}: "));
    }
}

#[tokio::test]
async fn quotes_and_invisible_marks_around_a_value_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let key = new_key().await;
    for (open, close) in [
        ("\"", "\""),
        ("'", "'"),
        ("\u{feff}", "\r\n"),
        (" ", " "),
        ("\u{feff}\"", "\"\n"),
    ] {
        let wrapped = |text: &str| format!("{open}{text}{close}");
        let mut agent = bare::binary(folder.path());
        agent
            .env("OPENCLAW_AUTH_KEY", wrapped(&key))
            .env(
                "OPENCLAW_AUTH_DIR",
                wrapped(folder.path().join("auth").to_str().unwrap()),
            )
            .env("OPENCLAW_SOCKET", wrapped("bare.sock"))
            .env("OPENCLAW_HTTP", wrapped("127.0.0.1:0"))
            .env("OPENCLAW_LOG", wrapped("info"))
            .env("OPENCLAW_METRICS", wrapped("off"))
            .env("OPENCLAW_WHATSAPP_URL", wrapped(DEAD[5]));
        let entries = log(&mut agent).await;
        assert!(
            lines(&entries, "INFO", STARTED)[0]["socket"]
                .as_str()
                .unwrap()
                .ends_with("bare.sock")
        );
        // The same key, in a file.
        let file = folder.path().join("key");
        private(&file, wrapped(&key).as_bytes());
        let mut agent = bare::binary(folder.path());
        agent.args(DEAD).args(["--auth-key-file", "key"]);
        log(&mut agent).await;
    }
    assert!(folder.path().join("auth").is_dir());
    for half in ["\"127.0.0.1:0", "127.0.0.1:0'"] {
        let mut agent = bare::binary(folder.path());
        agent
            .args(["--whatsapp-url", DEAD[5]])
            .env("OPENCLAW_AUTH_KEY", &key);
        let ended = bare::run(agent.env("OPENCLAW_HTTP", half), "").await;
        is_refused(&ended, "OPENCLAW_HTTP has a quotation mark at one end only");
    }
}

/// Writes a file that only its owner may read.
fn private(path: &Path, content: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
