//! The agents of a fleet, each with a folder and an account of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::process::Child;

use crate::control::Control;
use crate::{Arguments, Failure, connect, pair, spawn};

/// So many agents are linked at the same time.
const LINKED_AT_ONCE: usize = 4;
/// How long all of them may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(200);

pub(crate) struct Agents<'a> {
    arguments: &'a Arguments,
    folder: &'a Path,
    control: Control,
    running: Vec<Child>,
}

/// How the agents connected after all of them were started.
pub(crate) struct Connecting {
    pub(crate) half: Duration,
    pub(crate) all: Duration,
    /// The most logins within a second.
    pub(crate) peak: usize,
}

impl<'a> Agents<'a> {
    /// Starts and links the agents.
    pub(crate) async fn linked(
        arguments: &'a Arguments,
        folder: &'a Path,
        count: u32,
    ) -> Result<Self, Failure> {
        let mut agents = Self {
            arguments,
            folder,
            control: Control::new(&arguments.control),
            running: Vec::new(),
        };
        for at in 0..count {
            std::fs::create_dir_all(agents.folder.join(name(at)))?;
        }
        let linked = futures::stream::iter(0..count).map(|at| agents.start_and_link(at));
        let linked: Vec<Child> = linked.buffered(LINKED_AT_ONCE).try_collect().await?;
        agents.running = linked;
        Ok(agents)
    }

    async fn start_and_link(&self, at: u32) -> Result<Child, Failure> {
        let socket = self.socket(at);
        let child = spawn(self.arguments, &socket)?;
        let mut client = connect(&socket).await?;
        pair(&mut client, &self.control, &account(at), Instant::now()).await?;
        Ok(child)
    }

    pub(crate) fn count(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.running.iter().filter_map(Child::id).collect()
    }

    pub(crate) fn socket(&self, at: u32) -> PathBuf {
        socket(self.folder, at)
    }

    /// Kills all of them, as a power cut does, and waits until the simulator has noticed.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        for agent in &mut self.running {
            agent.start_kill()?;
        }
        for agent in &mut self.running {
            agent.wait().await?;
        }
        while self.control.connected().await? > 0 {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Starts all of them at once, and follows how they connect.
    pub(crate) async fn start_again(&mut self) -> Result<Connecting, Failure> {
        let started = Instant::now();
        let count = u32::try_from(self.count())?;
        for (at, agent) in (0..count).zip(&mut self.running) {
            *agent = spawn(self.arguments, &socket(self.folder, at))?;
        }
        let mut seen = vec![(Duration::ZERO, 0)];
        while seen
            .last()
            .is_none_or(|(_, connected)| *connected < self.count())
        {
            if started.elapsed() > CONNECT_TIMEOUT {
                return Err(format!("connected so far: {:?}", seen.last()).into());
            }
            tokio::time::sleep(POLL).await;
            seen.push((started.elapsed(), self.control.connected().await?));
        }
        Ok(Connecting::of(&seen))
    }
}

impl Connecting {
    /// From how many were connected when.
    fn of(seen: &[(Duration, usize)]) -> Self {
        let total = seen.last().map_or(0, |(_, connected)| *connected);
        let when = |wanted: usize| {
            let reached = seen.iter().find(|(_, connected)| *connected >= wanted);
            reached.map_or(Duration::MAX, |(time, _)| *time)
        };
        let within_a_second = seen.iter().map(|(end, connected)| {
            let begin = end.saturating_sub(Duration::from_secs(1));
            let before = seen.iter().rev().find(|(time, _)| *time <= begin);
            connected - before.map_or(0, |(_, connected)| *connected)
        });
        Self {
            half: when(total.div_ceil(2)),
            all: when(total),
            peak: within_a_second.max().unwrap_or(0),
        }
    }
}

/// The name of an agent, in subjects and in folders.
pub(crate) fn name(at: u32) -> String {
    format!("a{at:04}")
}

fn socket(folder: &Path, at: u32) -> PathBuf {
    folder.join(name(at)).join("agent.sock")
}

/// The account of an agent.
pub(crate) fn account(at: u32) -> String {
    format!("+1555010{at:04}")
}
