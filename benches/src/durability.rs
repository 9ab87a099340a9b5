//! Measures the cost of durability: syncs per message (counted by strace), the latency from the wire to a client, and
//! memory with a short and a long journal. Runs one agent against a running simulator and prints one JSON line.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::{StatusRequest, WatchEventsRequest, WatchEventsResponse};
use serde::Serialize;
use tokio::process::{Child, Command};
use tonic::Streaming;
use tonic::transport::Channel;

use crate::control::Control;
use crate::memory::Memory;
use crate::{
    Arguments, Failure, STEP_TIMEOUT, connect, messages, milliseconds, next_text, one_text, pair,
    spawn,
};

/// Messages from one contact, each sent after the previous one has arrived.
const LIVE: u32 = 500;
/// The number of contacts that send at the same time, and of messages from each.
const CHATS: u32 = 16;
const EACH: u32 = 100;
/// Messages that wait at the server while the agent is stopped.
const DRAIN: u32 = 1000;
/// The maximum number of messages in a request to the simulator.
const IN_ONE_REQUEST: u32 = 1_000;

/// The printed JSON line.
#[derive(Serialize)]
pub(crate) struct Figures {
    live_syncs: f64,
    chats_syncs: f64,
    drain_syncs: f64,
    latency_median_ms: f64,
    latency_99_ms: f64,
    short_events: u32,
    short_pss_bytes: u64,
    long_events: u32,
    long_pss_bytes: u64,
}

type Events = Streaming<WatchEventsResponse>;

pub(crate) async fn measure(arguments: &Arguments, long: u32) -> Result<Figures, Failure> {
    let folder = std::env::temp_dir().join(format!("openclaw-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let socket = folder.join("agent.sock");
    let control = Control::new(&arguments.control);
    let mut agent = spawn(arguments, &socket)?;
    let mut client = connect(&socket).await?;
    pair(&mut client, &control, &arguments.account, Instant::now()).await?;
    let peers: Vec<_> = (0..CHATS).map(|n| format!("+155501010{n:02}")).collect();
    let mut events = follow(&mut client).await?;
    for peer in peers.iter().chain([&arguments.peer]) {
        // One text each way creates the sessions, so that only messages are counted.
        one_text(&mut client, peer, "warm-up").await?;
        flood(&control, peer, arguments, 1).await?;
        next_text(&mut events).await?;
    }

    let mut trace = Trace::of(&agent, &folder).await?;
    let mut latencies = Vec::new();
    for _ in 0..LIVE {
        let sent = Instant::now();
        flood(&control, &arguments.peer, arguments, 1).await?;
        next_text(&mut events).await?;
        latencies.push(milliseconds(sent.elapsed()));
    }
    let live_syncs = trace.since_last().await? / f64::from(LIVE);
    let floods = peers
        .iter()
        .map(|peer| flood(&control, peer, arguments, EACH));
    let (flooded, arrived) = tokio::join!(
        futures::future::try_join_all(floods),
        arrive(&mut events, CHATS * EACH)
    );
    flooded?;
    arrived?;
    let chats_syncs = trace.since_last().await? / f64::from(CHATS * EACH);
    trace.end().await?;

    let head = head(&mut client).await?;
    drop((events, client));
    agent.start_kill()?;
    agent.wait().await?;
    flood(&control, &arguments.peer, arguments, DRAIN).await?;
    let mut agent = spawn(arguments, &socket)?;
    let mut trace = Trace::of(&agent, &folder).await?;
    let mut client = connect(&socket).await?;
    let mut events = follow_after(&mut client, head).await?;
    arrive(&mut events, DRAIN).await?;
    let drain_syncs = trace.since_last().await? / f64::from(DRAIN);
    trace.end().await?;

    let process = agent.id().ok_or("the agent ended")?;
    let short = Memory::of(process)?;
    // Faster than the agent reads, so messages queue up at the server.
    let flooding = async {
        let mut left = long;
        while left > 0 {
            let some = left.min(IN_ONE_REQUEST);
            flood(&control, &arguments.peer, arguments, some).await?;
            left -= some;
        }
        Ok(())
    };
    tokio::try_join!(flooding, arrive(&mut events, long))?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = Memory::of(process)?;
    agent.start_kill()?;
    agent.wait().await?;
    std::fs::remove_dir_all(&folder)?;

    latencies.sort_by(f64::total_cmp);
    Ok(Figures {
        live_syncs,
        chats_syncs,
        drain_syncs,
        latency_median_ms: latencies[latencies.len() / 2],
        latency_99_ms: latencies[latencies.len() * 99 / 100],
        short_events: LIVE + CHATS * EACH + DRAIN,
        short_pss_bytes: short.pss,
        long_events: long,
        long_pss_bytes: after.pss,
    })
}

async fn flood(
    control: &Control,
    from: &str,
    arguments: &Arguments,
    count: u32,
) -> Result<(), Failure> {
    control.flood(from, &arguments.account, count).await
}

async fn head(client: &mut AgentClient<Channel>) -> Result<u64, Failure> {
    let status = client.status(StatusRequest {}).await?.into_inner();
    Ok(status.events.map_or(0, |events| events.head))
}

async fn follow(client: &mut AgentClient<Channel>) -> Result<Events, Failure> {
    let head = head(client).await?;
    follow_after(client, head).await
}

async fn follow_after(client: &mut AgentClient<Channel>, after: u64) -> Result<Events, Failure> {
    let request = WatchEventsRequest {
        after: Some(after),
        follow: true,
        filter: Some(messages()),
        ..Default::default()
    };
    Ok(client.watch_events(request).await?.into_inner())
}

async fn arrive(events: &mut Events, count: u32) -> Result<(), Failure> {
    for _ in 0..count {
        tokio::time::timeout(STEP_TIMEOUT, next_text(events)).await??;
    }
    Ok(())
}

/// A strace process that is attached to the agent.
struct Trace {
    strace: Child,
    file: PathBuf,
    counted: usize,
}

impl Trace {
    /// Attaches strace. Returns once it counts.
    async fn of(agent: &Child, folder: &Path) -> Result<Self, Failure> {
        let process = agent.id().ok_or("the agent ended")?;
        let file = folder.join(format!("syncs-{process}"));
        let strace = Command::new("strace")
            .args(["-f", "-q", "-e", "trace=fsync,fdatasync", "-o"])
            .arg(&file)
            .args(["-p", &process.to_string()])
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start strace, which counts the syncs: {error}"))?;
        let deadline = Instant::now() + STEP_TIMEOUT;
        let status = format!("/proc/{process}/status");
        while std::fs::read_to_string(&status)?.contains("TracerPid:\t0\n") {
            if Instant::now() > deadline {
                return Err("strace does not attach".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Self {
            strace,
            file,
            counted: 0,
        })
    }

    /// The number of syncs since the last call. Waits until the agent is idle.
    async fn since_last(&mut self) -> Result<f64, Failure> {
        let mut seen = self.count()?;
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = self.count()?;
            if now == seen {
                let new = now - self.counted;
                self.counted = now;
                return Ok(f64::from(u32::try_from(new)?));
            }
            seen = now;
        }
    }

    fn count(&self) -> Result<usize, Failure> {
        let traced = std::fs::read_to_string(&self.file)?;
        Ok(traced.lines().filter(|line| line.contains("sync(")).count())
    }

    async fn end(mut self) -> Result<(), Failure> {
        self.strace.start_kill()?;
        self.strace.wait().await?;
        Ok(())
    }
}
