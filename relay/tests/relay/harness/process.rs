//! A program under test. Dropping it kills it, and checks what it printed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::{SECRETS, TEST_TIMEOUT};

static STARTED: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    pub(crate) fn start(program: &str, dir: &Path, args: &[&str]) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let output = dir.join(format!("output-{number}"));
        let file = File::create(&output).unwrap();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .kill_on_drop(true);
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("{program}: {error}"));
        Self { child, output }
    }

    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Its resident memory without that of files, in KiB.
    pub(crate) fn anonymous_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id().unwrap());
        let status = fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:"));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.unwrap().parse().unwrap()
    }

    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL).await;
    }

    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM).await
    }

    async fn signal(&mut self, signal: Signal) -> ExitStatus {
        if let Some(id) = self.child.id() {
            let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
            kill_process(pid, signal).unwrap();
        }
        self.ended().await
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(TEST_TIMEOUT, self.child.wait()).await;
        ended.expect("it ends").unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let output = self.output();
        if std::thread::panicking() {
            eprintln!("{}:\n{output}", self.output.display());
            return;
        }
        for secret in SECRETS {
            assert!(!output.contains(secret), "{secret:?} was printed: {output}");
        }
    }
}
