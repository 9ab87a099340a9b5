//! The agent's process: its arguments, output, addresses and exit.

mod lines;

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

use super::TEST_TIMEOUT;
use lines::{Lines, Stream};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_openclaw-agent");
/// The volume, in the agent's directory.
pub(crate) const VOLUME: &str = "auth";
/// The log message once it accepts connections.
pub(crate) const STARTED: &str = "openclaw-agent started";
/// The polling interval of Status.
pub(crate) const POLL: Duration = Duration::from_millis(15);

/// More events than thousands of kills make; the default is exceeded by them.
pub(crate) const LARGE_JOURNAL_MIB: &str = "1024";

/// A running agent. Dropping it kills it.
pub(crate) struct Agent {
    child: Child,
    lines: Lines,
    /// Its gRPC socket.
    pub(crate) socket: PathBuf,
    /// Its plain-text gRPC address, if it has one.
    pub(crate) plaintext: Option<SocketAddr>,
    channel: Channel,
    folder: Arc<TempDir>,
}

impl Agent {
    /// Starts it in its own directory, and waits until it listens.
    pub(crate) async fn start(whatsapp: &str, args: &[&str]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::start_in(folder, whatsapp, args).await
    }

    /// Starts it in a directory that may contain a volume.
    pub(crate) async fn start_in(folder: Arc<TempDir>, whatsapp: &str, args: &[&str]) -> Self {
        Self::started(Self::spawn(folder, whatsapp, |command| command.args(args))).await
    }

    /// Starts it with additional variables.
    pub(crate) async fn start_within(
        folder: Arc<TempDir>,
        whatsapp: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let environment = environment.iter().copied();
        Self::started(Self::spawn(folder, whatsapp, |command| {
            command.envs(environment)
        }))
        .await
    }

    async fn started(mut agent: Self) -> Self {
        let started = agent.lines.wait_for(STARTED).await;
        let plaintext = started["plaintext"].as_str();
        agent.plaintext = plaintext.and_then(|address| address.parse().ok());
        agent
    }

    /// [`Agent::start_in`], with a variable.
    pub(crate) async fn start_again_where(
        &mut self,
        whatsapp: &str,
        args: &[&str],
        variable: (&str, &str),
    ) {
        let earlier = self.lines.clone();
        *self = Self::spawn(Arc::clone(&self.folder), whatsapp, |command| {
            command.args(args).env(variable.0, variable.1)
        });
        self.lines.wait_for(STARTED).await;
        self.lines.prepend(&earlier);
    }

    fn spawn(
        folder: Arc<TempDir>,
        whatsapp: &str,
        with: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Self {
        let socket = folder.path().join("agent.sock");
        let mut command = command(folder.path(), whatsapp, &socket);
        let mut child = with(&mut command).spawn().unwrap();
        let lines = Lines::default();
        lines.collect(Stream::Out, child.stdout.take().unwrap());
        lines.collect(Stream::Err, child.stderr.take().unwrap());
        let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display())).unwrap();
        Self {
            child,
            plaintext: None,
            channel: endpoint.connect_lazy(),
            lines,
            socket,
            folder,
        }
    }

    /// Starts another agent in the same directory, after this one has ended.
    pub(crate) async fn start_again(&mut self, whatsapp: &str) {
        self.start_again_with(whatsapp, &[]).await;
    }

    /// [`Agent::start_again`], with more arguments.
    pub(crate) async fn start_again_with(&mut self, whatsapp: &str, args: &[&str]) {
        let earlier = self.lines.clone();
        *self = Self::start_in(Arc::clone(&self.folder), whatsapp, args).await;
        self.lines.prepend(&earlier);
    }

    /// Starts another agent in the same directory, which need not reach the point where it listens. At a failpoint
    /// (state/src/failpoint.rs) it kills itself.
    pub(crate) fn start_with_failpoint(&mut self, whatsapp: &str, kill_at: Option<&str>) {
        let earlier = self.lines.clone();
        *self = Self::spawn(Arc::clone(&self.folder), whatsapp, |command| {
            command
                .env("OPENCLAW_JOURNAL_SIZE", LARGE_JOURNAL_MIB)
                .envs(kill_at.map(|place| ("OPENCLAW_KILL_AT", place)))
        });
        self.lines.prepend(&earlier);
    }

    /// True if it kills itself within this time.
    pub(crate) async fn kills_itself_within(&mut self, limit: Duration) -> bool {
        let Ok(ended) = tokio::time::timeout(limit, self.child.wait()).await else {
            return false;
        };
        let ended = ended.unwrap();
        assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{ended}");
        self.lines.closed().await;
        true
    }

    pub(crate) fn client(&self) -> AgentClient<Channel> {
        AgentClient::new(self.channel.clone())
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) async fn status(&self) -> pb::StatusResponse {
        let mut client = self.client();
        let answer = tokio::time::timeout(TEST_TIMEOUT, client.status(pb::StatusRequest {})).await;
        answer.expect("Status always answers").unwrap().into_inner()
    }

    pub(crate) async fn link(&self) -> pb::LinkStatus {
        self.status().await.link.unwrap()
    }

    /// Waits until Status matches.
    pub(crate) async fn until(
        &self,
        mut holds: impl FnMut(&pb::LinkStatus) -> bool,
    ) -> pb::LinkStatus {
        let mut link = self.link().await;
        let waiting = async {
            while !holds(&link) {
                tokio::time::sleep(POLL).await;
                link = self.link().await;
            }
        };
        if tokio::time::timeout(TEST_TIMEOUT, waiting).await.is_err() {
            panic!("Status is {:?} {:?}", link.state(), link.reason);
        }
        link
    }

    pub(crate) async fn until_state(&self, state: pb::LinkState) -> pb::LinkStatus {
        self.until(|link| link.state() == state).await
    }

    /// The first line of the log with this message; waits for it.
    pub(crate) async fn logged(&self, message: &str) -> serde_json::Value {
        self.lines.wait_for(message).await
    }

    /// Its HTTP address, which changes when it replaces itself.
    pub(crate) fn http(&self) -> SocketAddr {
        let address = self.since_start()[0]["http"].as_str().unwrap().parse();
        address.expect("an address for HTTP")
    }

    /// The log of the current process image, from its start message on.
    pub(crate) fn since_start(&self) -> Vec<serde_json::Value> {
        let mut entries: Vec<_> = self.lines.entries().collect();
        let started = entries
            .iter()
            .rposition(|entry| entry["message"] == STARTED);
        entries.split_off(started.expect("it has started"))
    }

    /// Waits until it has started `times` times.
    pub(crate) async fn started_times(&self, times: usize) {
        self.logged_times(STARTED, times).await;
    }

    /// Waits until it has logged this message this many times.
    pub(crate) async fn logged_times(&self, message: &str, times: usize) {
        let logged = async {
            while self.count_logged(message) < times {
                tokio::time::sleep(POLL).await;
            }
        };
        let logged = tokio::time::timeout(TEST_TIMEOUT, logged).await;
        logged.unwrap_or_else(|_| panic!("{message:?} is logged fewer than {times} times"));
    }

    /// True if a line of stderr contains this text.
    pub(crate) fn has_stderr(&self, text: &str) -> bool {
        let (_, err) = self.lines.all();
        err.iter().any(|line| line.contains(text))
    }

    /// The number of log lines with this message.
    pub(crate) fn count_logged(&self, message: &str) -> usize {
        let entries = self.lines.entries();
        entries
            .filter(|entry| entry["message"].as_str() == Some(message))
            .count()
    }

    /// The messages of all ERROR lines: each requires action by a person.
    pub(crate) fn errors(&self) -> Vec<String> {
        let errors = self
            .lines
            .entries()
            .filter(|entry| entry["level"] == "ERROR");
        let message = |entry: serde_json::Value| entry["message"].as_str().map(str::to_owned);
        errors.filter_map(message).collect()
    }

    /// All lines so far, of stdout and stderr.
    pub(crate) fn output(&self) -> (Vec<String>, Vec<String>) {
        self.lines.all()
    }

    /// The peak resident memory, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, figure: &str) -> u64 {
        let pid = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(figure));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.and_then(|value| value.parse().ok()).unwrap()
    }

    /// Checks the anonymous memory, which a small machine must hold. The program's pages do not count: a debug build
    /// has many, and the system may drop them.
    pub(crate) fn is_lean(&self) {
        let own = self.memory("RssAnon:");
        println!("{own} KiB of its own");
        assert!(own < 12 * 1024, "{own} KiB of its own are resident");
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The number of its open files and sockets.
    pub(crate) fn open_files(&self) -> usize {
        let pid = self.child.id().expect("it runs");
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count()
    }

    /// Waits until it has at most this many open.
    pub(crate) async fn until_open_files(&self, most: usize) {
        let closing = async {
            while self.open_files() > most {
                tokio::time::sleep(POLL).await;
            }
        };
        if tokio::time::timeout(TEST_TIMEOUT, closing).await.is_err() {
            panic!("{} files are open, not {most}", self.open_files());
        }
    }

    /// Sends SIGTERM, and returns the exit status.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM).await
    }

    /// Sends SIGKILL, and returns the exit status.
    pub(crate) async fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL).await
    }

    async fn signal(&mut self, signal: Signal) -> ExitStatus {
        self.send(signal);
        self.ended().await
    }

    /// Sends SIGKILL without waiting.
    pub(crate) fn kill_without_waiting(&self) {
        self.send(Signal::KILL);
    }

    /// Stops it until [`Agent::unpause`].
    pub(crate) fn pause(&self) {
        self.send(Signal::STOP);
    }

    /// See [`Agent::pause`].
    pub(crate) fn unpause(&self) {
        self.send(Signal::CONT);
    }

    /// Sends SIGHUP, so that it reloads its rules.
    pub(crate) fn send_sighup(&self) {
        self.send(Signal::HUP);
    }

    fn send(&self, signal: Signal) {
        if let Some(pid) = self.child.id() {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            kill_process(pid, signal).unwrap();
        }
    }

    /// Waits for its exit.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(TEST_TIMEOUT, self.child.wait()).await;
        let ended = ended.expect("it ends").unwrap();
        self.lines.closed().await;
        ended
    }

    pub(crate) fn volume(&self) -> PathBuf {
        self.folder().join(VOLUME)
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder().join(VOLUME).with_extension("key")
    }

    /// The directory it was started in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn command(folder: &Path, whatsapp: &str, socket: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .env_clear()
        // Shorter delays than in production.
        .env("OPENCLAW_SEND_RATE", "0")
        .env("OPENCLAW_READY_AFTER", "0")
        .current_dir(folder)
        .arg("--socket")
        .arg(socket)
        .args(["--http", "127.0.0.1:0", "--whatsapp-url", whatsapp])
        // The first agent in the directory creates the key file.
        .args(["--auth-dir", VOLUME, "--create-key-file"])
        // Lets tests see its descriptors and memory.
        .arg("--allow-inspection")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// [`run_to_the_end`] of an agent with its own volume.
pub(crate) async fn run_agent_to_the_end(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let volume = folder.path().join(VOLUME);
    let mut all = vec!["--auth-dir", volume.to_str().unwrap(), "--create-key-file"];
    all.extend(args);
    run_to_the_end(&all).await
}

/// Runs the binary with only these arguments and an empty environment, until it exits.
pub(crate) async fn run_to_the_end(args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command
        .env_clear()
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(TEST_TIMEOUT, command.output()).await;
    ended.expect("it ends").unwrap()
}
