//! Runs the binary in special ways: with another environment or user, or a command next to the agent.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{TEST_TIMEOUT, VOLUME};

pub(crate) use super::process::BINARY;

/// The exit code and output of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with an empty environment, and its volume in this directory.
pub(crate) fn binary(folder: &Path) -> Command {
    command(BINARY, folder)
}

/// Another program that starts the binary.
pub(crate) fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("OPENCLAW_AUTH_DIR", folder.join(VOLUME))
        .current_dir(folder)
        .kill_on_drop(true);
    command
}

/// Runs a command to its end, with `input` on stdin.
pub(crate) async fn run(command: &mut Command, input: &str) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended already.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .await;
    let ended = tokio::time::timeout(TEST_TIMEOUT, child.wait_with_output()).await;
    let output = ended.expect("it ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A new key, as an operator generates one.
pub(crate) async fn new_key() -> String {
    let made = run(binary(Path::new("/")).args(["keys", "generate"]), "").await;
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
    let key = made.stdout.strip_suffix('\n').unwrap().to_owned();
    assert!(key.starts_with("openclaw-key-"), "nothing but the key");
    key
}

/// An agent whose log is read line by line. Dropping it kills it.
pub(crate) struct Bare {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
}

impl Bare {
    /// Starts an agent without a server.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_as_it_is(
            command
                .args(["--socket", "bare.sock", "--http", "127.0.0.1:0"])
                .args(["--whatsapp-url", "ws://127.0.0.1:1/ws/chat"]),
        )
    }

    /// Starts a command that prints an agent's log.
    pub(crate) fn start_as_it_is(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The only process that it has started.
    pub(crate) fn only_child(&self) -> u32 {
        let pid = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children.unwrap().trim().parse().expect("one child")
    }

    /// The next line of its log with this message.
    pub(crate) async fn logged(&mut self, message: &str) -> serde_json::Value {
        let find = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
                if entry["message"] == message {
                    return entry;
                }
            }
            panic!("it ended without logging {message:?}");
        };
        let found = tokio::time::timeout(TEST_TIMEOUT, find).await;
        found.unwrap_or_else(|_| panic!("it does not log {message:?}"))
    }

    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.end(self.pid()).await
    }

    /// Sends SIGTERM to its child process, and returns its own exit status.
    pub(crate) async fn terminate_child(&mut self) -> ExitStatus {
        self.end(self.only_child()).await
    }

    async fn end(&mut self, pid: u32) -> ExitStatus {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::time::timeout(TEST_TIMEOUT, self.child.wait()).await;
        ended.expect("it ends").unwrap()
    }
}
