//! Measures a fleet: many agents against one simulator, one relay that reads all of them into one NATS server, and, for
//! comparison, Baileys processes. All of it, the simulator included, runs on one machine.

mod agents;
mod broker;
mod usage;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use tokio::process::{Child, Command};

use crate::control::Control;
use crate::{Arguments, Failure, STEP_TIMEOUT, milliseconds};
use agents::{Agents, account};
use broker::{Broker, Stored};
use usage::Usage;

/// Contacts that write at the same time.
const WRITING: usize = 16;

#[derive(Args)]
pub(crate) struct Options {
    /// Measure a fleet of so many agents instead
    #[arg(
        id = "fleet",
        long = "fleet",
        value_name = "AGENTS",
        requires = "relay"
    )]
    pub(crate) agents: Option<u32>,
    /// The relay's binary
    #[arg(long)]
    relay: Option<PathBuf>,
    /// Also so many Baileys processes
    #[arg(long, value_name = "PROCESSES", default_value_t = 0)]
    baileys: u32,
    /// The program of one Baileys process
    #[arg(long, default_value = "benches/peer/baileys.mjs")]
    baileys_script: PathBuf,
}

/// The printed JSON line.
#[derive(Serialize)]
pub(crate) struct Figures {
    idle_s: u64,
    agents: Usage,
    relay: Usage,
    half_connected_s: f64,
    all_connected_s: f64,
    most_logins_in_a_second: usize,
    latency_median_ms: f64,
    latency_99_ms: f64,
    /// From the first request to the simulator, until the broker has a message of every agent.
    a_message_to_each_s: f64,
    baileys: Option<Usage>,
}

pub(crate) async fn measure(arguments: &Arguments, count: u32) -> Result<Figures, Failure> {
    let folder = std::env::temp_dir().join(format!("openclaw-fleet-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let figures = fleet(arguments, count, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    let mut figures = figures?;
    if arguments.fleet.baileys > 0 {
        figures.baileys = Some(baileys(arguments).await?);
    }
    Ok(figures)
}

async fn fleet(arguments: &Arguments, count: u32, folder: &Path) -> Result<Figures, Failure> {
    let relay = arguments.fleet.relay.as_deref().ok_or("no relay")?;
    let control = Control::new(&arguments.control);
    let idle = Duration::from_secs(arguments.idle);
    step(&format!("linking {count} agents"));
    let mut agents = Agents::linked(arguments, folder, count).await?;
    let mut broker = Broker::start(folder, relay, &agents).await?;

    step("a power cut");
    // The relay has read from all of them before.
    let mut stored = broker.follow().await?;
    one_to_each(&control, &arguments.peer, count, &mut stored).await?;
    broker.kill_relay().await?;
    agents.kill().await?;
    broker.start_relay()?;
    let connecting = agents.start_again().await?;

    step("a message to each");
    let a_message_to_each = one_to_each(&control, &arguments.peer, count, &mut stored).await?;
    let mut latencies = Vec::new();
    for at in 0..count {
        let started = Instant::now();
        control.flood(&arguments.peer, &account(at), 1).await?;
        stored.next(1).await?;
        latencies.push(started.elapsed());
    }
    latencies.sort_unstable();
    let at = |part: usize| latencies.get(latencies.len() * part / 100);
    let latency = |part| at(part).map_or(f64::NAN, |latency| milliseconds(*latency));

    step("idle");
    tokio::time::sleep(idle).await;
    let relay = [broker.relay().ok_or("the relay ended")?];
    let processes = agents.processes();
    let (agents, relay) = tokio::join!(Usage::of(&processes, idle), Usage::of(&relay, idle));
    Ok(Figures {
        idle_s: arguments.idle,
        agents: agents?,
        relay: relay?,
        half_connected_s: connecting.half.as_secs_f64(),
        all_connected_s: connecting.all.as_secs_f64(),
        most_logins_in_a_second: connecting.peak,
        latency_median_ms: latency(50),
        latency_99_ms: latency(99),
        a_message_to_each_s: a_message_to_each.as_secs_f64(),
        baileys: None,
    })
}

fn step(what: &str) {
    eprintln!("{what}");
}

/// Sends a text to every account, and returns how long it took until the broker had all of them.
async fn one_to_each(
    control: &Control,
    peer: &str,
    count: u32,
    stored: &mut Stored,
) -> Result<Duration, Failure> {
    let started = Instant::now();
    let written = futures::stream::iter(0..count)
        .map(|at| async move { control.flood(peer, &account(at), 1).await })
        .buffer_unordered(WRITING)
        .try_collect::<Vec<()>>();
    let (written, stored) = tokio::join!(written, stored.next(usize::try_from(count)?));
    written?;
    stored?;
    Ok(started.elapsed())
}

/// Linked and idle Baileys processes, with keys in memory, which is the lighter way.
async fn baileys(arguments: &Arguments) -> Result<Usage, Failure> {
    let control = Control::new(&arguments.control);
    let idle = Duration::from_secs(arguments.idle);
    step(&format!("{} Baileys processes", arguments.fleet.baileys));
    // The simulator notices that the agents have ended.
    until_connected(&control, |connected| connected == 0).await?;
    let mut running: Vec<Child> = Vec::new();
    for at in 0..arguments.fleet.baileys {
        let wanted = running.len() + 1;
        running.push(start_baileys(arguments, at)?);
        until_connected(&control, |connected| connected == wanted).await?;
    }
    tokio::time::sleep(idle).await;
    let processes: Vec<u32> = running.iter().filter_map(Child::id).collect();
    Ok(Usage::of(&processes, idle).await?)
}

async fn until_connected(control: &Control, fits: impl Fn(usize) -> bool) -> Result<(), Failure> {
    let deadline = Instant::now() + STEP_TIMEOUT;
    while !fits(control.connected().await?) {
        if Instant::now() > deadline {
            return Err("a Baileys process did not connect, or an agent did not end".into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn start_baileys(arguments: &Arguments, at: u32) -> std::io::Result<Child> {
    Command::new("node")
        .arg(&arguments.fleet.baileys_script)
        .args(["--url", &arguments.url, "--control", &arguments.control])
        .args(["--account", &format!("+1555011{at:04}")])
        // Longer than all of them take to start and to be measured: it is killed while it idles.
        .args(["--store", "memory", "--idle", "100000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}
