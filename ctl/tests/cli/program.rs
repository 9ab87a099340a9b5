//! The binary under test as a process with pipes: its arguments, output and exit code.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_openclawctl");
/// Longer than anything here takes, unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// One run of the binary.
pub(crate) struct Program {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    printed: Arc<watch::Sender<String>>,
}

/// The exit code and output.
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` if a signal killed it.
    pub(crate) exit: Option<i32>,
}

impl Program {
    /// Starts it in the directory `dir`, with only the environment `env`.
    pub(crate) async fn start(
        dir: &Path,
        args: &[String],
        env: &BTreeMap<String, String>,
        stdin: Option<&str>,
        printed: &Arc<watch::Sender<String>>,
    ) -> Self {
        let mut child = Command::new(BINARY)
            .args(args)
            .env_clear()
            .envs(env)
            .current_dir(dir)
            .stdin(if stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("start openclawctl");
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // It may end without reading everything.
            let _ = pipe.write_all(text.as_bytes()).await;
        }
        let stdout = collect(child.stdout.take().expect("piped"), Arc::clone(printed));
        let stderr = collect(child.stderr.take().expect("piped"), Arc::clone(printed));
        Self {
            child,
            stdout,
            stderr,
            printed: Arc::clone(printed),
        }
    }

    /// Waits until it has printed `text` to stdout or stderr.
    pub(crate) async fn until_printed(&self, text: &str) {
        let mut printed = self.printed.subscribe();
        let waiting = printed.wait_for(|printed| printed.contains(text));
        let found = tokio::time::timeout(DEADLINE, waiting).await.is_ok();
        assert!(
            found,
            "never printed {text:?}, but:\n{}",
            *self.printed.borrow()
        );
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(pid.expect("it runs"), Signal::INT).expect("send SIGINT");
    }

    /// Waits until it has ended.
    pub(crate) async fn end(mut self) -> Ended {
        let status = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        let Ok(status) = status else {
            panic!("it hangs, having printed:\n{}", *self.printed.borrow());
        };
        let output = async { (self.stdout.await, self.stderr.await) };
        let output = tokio::time::timeout(DEADLINE, output).await;
        let (stdout, stderr) = output.expect("no program of its own still writes");
        Ended {
            stdout: stdout.expect("stdout"),
            stderr: stderr.expect("stderr"),
            exit: status.expect("wait").code(),
        }
    }
}

/// Reads to the end; the output so far is also in `printed`.
fn collect(
    mut pipe: impl AsyncRead + Unpin + Send + 'static,
    printed: Arc<watch::Sender<String>>,
) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut all = Vec::new();
        let mut decoded = 0;
        while let Ok(1..) = pipe.read_buf(&mut all).await {
            // A read may end within a character.
            let whole = match std::str::from_utf8(&all[decoded..]) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            let text = String::from_utf8_lossy(&all[decoded..decoded + whole]).into_owned();
            printed.send_modify(|printed| printed.push_str(&text));
            decoded += whole;
        }
        String::from_utf8(all).expect("UTF-8")
    })
}
