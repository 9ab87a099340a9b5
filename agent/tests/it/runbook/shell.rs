//! An operator's terminal: the client that was built next to the agent, and a separate home directory.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::harness::TEST_TIMEOUT;
use crate::harness::bare::BINARY;

pub(crate) struct Shell {
    home: TempDir,
    commands: std::cell::Cell<usize>,
}

/// A running command.
pub(crate) struct Running {
    child: Child,
    /// Its output, with stdout and stderr mixed as on a terminal.
    pub(crate) output: PathBuf,
}

impl Shell {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let words = home.path().join("backup.passphrase");
        fs::write(&words, "four grey cormorants dive\n").unwrap();
        fs::set_permissions(words, fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            home,
            commands: std::cell::Cell::new(0),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Starts a command line of the page, for the agent with this socket or the enrolled one.
    pub(crate) fn start(&self, line: &str, agent: Option<&Path>) -> Running {
        let number = self.commands.get();
        self.commands.set(number + 1);
        let output = self.home.path().join(format!(".printed-{number}"));
        let file = File::create(&output).unwrap();
        let programs = Path::new(BINARY).parent().unwrap();
        assert!(
            programs.join("openclawctl").exists(),
            "scripts/test builds openclawctl first; or: cargo build -p openclawctl"
        );
        let path = std::env::var("PATH").unwrap_or_default();
        let child = Command::new("bash")
            .args(["-o", "pipefail", "-c", line])
            .env_clear()
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("HOME", self.home.path())
            .envs(agent.map(|socket| ("OPENCLAW_AGENT", format!("unix:{}", socket.display()))))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Running { child, output }
    }
}

impl Running {
    /// True if it succeeded, and its output.
    pub(crate) async fn end(mut self) -> (bool, String) {
        let ended = tokio::time::timeout(TEST_TIMEOUT, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it does not end: {}", self.printed()));
        (ended.unwrap().success(), self.printed())
    }

    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }
}
