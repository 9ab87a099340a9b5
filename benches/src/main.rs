//! Measures the agent, for comparison with Baileys: runs one agent against a running simulator, measures it through
//! its own API, and prints one JSON line. `benches/peer/baileys.mjs` defines every figure; where it says "in the
//! hands of the application", here a gRPC client in another process has it.
//!
//! It does not evaluate the figures, and the simulator runs on the same machine.

mod control;
mod durability;
mod fleet;
mod memory;

use std::error::Error;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::{StreamExt as _, TryStreamExt as _};
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::pair_frame::Frame;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_proto::v1::{
    EventFilter, EventKind, PairRequest, SendRequest, SendState, StatusRequest, WatchEventsRequest,
    event,
};
use serde::Serialize;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

use control::Control;
use memory::Memory;

type Failure = Box<dyn Error + Send + Sync>;

/// The number of concurrent sends, the same as for Baileys.
const IN_FLIGHT: usize = 16;
const STEP_TIMEOUT: Duration = Duration::from_secs(120);

/// Measures an agent against a running simulator.
#[derive(Parser)]
struct Arguments {
    /// The agent's binary, a simulator build
    #[arg(long)]
    agent: PathBuf,
    /// The simulator's WebSocket
    #[arg(long)]
    url: String,
    /// The simulator's control interface
    #[arg(long)]
    control: String,
    /// Seconds of idling before memory is read
    #[arg(long, default_value_t = 30)]
    idle: u64,
    /// Texts to receive
    #[arg(long, default_value_t = 2000)]
    receive: u32,
    /// Texts to send
    #[arg(long, default_value_t = 1000)]
    send: u32,
    /// The account
    #[arg(long, default_value = "+15550100001")]
    account: String,
    /// Its contact
    #[arg(long, default_value = "+15550100002")]
    peer: String,
    /// Measure what durability costs instead, with a journal of so many events
    #[arg(long, value_name = "EVENTS")]
    durability: Option<u32>,
    #[command(flatten)]
    fleet: fleet::Options,
}

/// The printed JSON line.
#[derive(Serialize)]
struct Figures {
    client: &'static str,
    first_qr_ms: f64,
    connected_ms: f64,
    idle_s: u64,
    idle_rss_bytes: u64,
    idle_pss_bytes: u64,
    received: u32,
    receive_per_s: f64,
    sent: u32,
    send_per_s: f64,
    loaded_rss_bytes: u64,
    loaded_pss_bytes: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let figures = match (arguments.durability, arguments.fleet.agents) {
        (Some(events), _) => {
            serde_json::to_string(&durability::measure(&arguments, events).await?)?
        }
        (None, Some(agents)) => serde_json::to_string(&fleet::measure(&arguments, agents).await?)?,
        (None, None) => serde_json::to_string(&measure(&arguments).await?)?,
    };
    println!("{figures}");
    Ok(())
}

async fn measure(arguments: &Arguments) -> Result<Figures, Failure> {
    let folder = std::env::temp_dir().join(format!("openclaw-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let socket = folder.join("agent.sock");
    let started = Instant::now();
    let mut agent = spawn(arguments, &socket)?;
    let process = agent.id().ok_or("the agent ended at once")?;
    let mut client = connect(&socket).await?;
    let control = Control::new(&arguments.control);

    let (first_qr, connected) = pair(&mut client, &control, &arguments.account, started).await?;
    tokio::time::sleep(Duration::from_secs(arguments.idle)).await;
    let idle = Memory::of(process)?;
    let receive_per_s = receive(&mut client, &control, arguments).await?;
    let send_per_s = send(&client, &control, arguments).await?;
    let loaded = Memory::of(process)?;

    stop(&mut agent).await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(Figures {
        client: concat!("openclaw-agent ", env!("CARGO_PKG_VERSION")),
        first_qr_ms: milliseconds(first_qr),
        connected_ms: milliseconds(connected),
        idle_s: arguments.idle,
        idle_rss_bytes: idle.rss,
        idle_pss_bytes: idle.pss,
        received: arguments.receive,
        receive_per_s,
        sent: arguments.send,
        send_per_s,
        loaded_rss_bytes: loaded.rss,
        loaded_pss_bytes: loaded.pss,
    })
}

fn spawn(arguments: &Arguments, socket: &std::path::Path) -> std::io::Result<Child> {
    Command::new(&arguments.agent)
        .arg("--socket")
        .arg(socket)
        .arg("--auth-dir")
        .arg(socket.with_file_name("auth"))
        .arg("--create-key-file")
        .args([
            "--http",
            "127.0.0.1:0",
            "--log",
            "error",
            // The benchmark measures the maximum speed, so it disables the rate limit.
            "--send-rate",
            "0",
            "--whatsapp-url",
            &arguments.url,
        ])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

/// Retries until the agent listens.
async fn connect(socket: &std::path::Path) -> Result<AgentClient<Channel>, Failure> {
    let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display()))?;
    let deadline = Instant::now() + STEP_TIMEOUT;
    loop {
        match endpoint.connect().await {
            Ok(channel) => return Ok(AgentClient::new(channel)),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Pairs, and returns the times until the first QR code and until the link is connected.
async fn pair(
    client: &mut AgentClient<Channel>,
    control: &Control,
    account: &str,
    started: Instant,
) -> Result<(Duration, Duration), Failure> {
    let mut frames = client.pair(PairRequest::by_qr()).await?.into_inner();
    let mut first_qr = None;
    while let Some(frame) = frames.message().await? {
        match frame.frame {
            Some(Frame::Qr(qr)) if first_qr.is_none() => {
                first_qr = Some(started.elapsed());
                control.scan(account, qr.payload).await?;
            }
            Some(Frame::Linked(_)) => {
                return Ok((first_qr.ok_or("linked without a code")?, started.elapsed()));
            }
            Some(Frame::Failed(failed)) => return Err(failed.hint.into()),
            _ => {}
        }
    }
    Err("the pairing ended without a link".into())
}

async fn receive(
    client: &mut AgentClient<Channel>,
    control: &Control,
    arguments: &Arguments,
) -> Result<f64, Failure> {
    // One text each way creates the sessions.
    one_text(client, &arguments.peer, "warm-up").await?;
    let after = client
        .status(StatusRequest {})
        .await?
        .into_inner()
        .events
        .map(|events| events.head);
    let request = WatchEventsRequest {
        after,
        follow: true,
        filter: Some(messages()),
        ..Default::default()
    };
    let mut events = client.watch_events(request).await?.into_inner();
    control
        .flood(&arguments.peer, &arguments.account, 1)
        .await?;
    next_text(&mut events).await?;

    let started = Instant::now();
    let flood = control.flood(&arguments.peer, &arguments.account, arguments.receive);
    let count = async {
        for _ in 0..arguments.receive {
            next_text(&mut events).await?;
        }
        Ok::<f64, Failure>(f64::from(arguments.receive) / started.elapsed().as_secs_f64())
    };
    let (flooded, rate) = tokio::join!(flood, tokio::time::timeout(STEP_TIMEOUT, count));
    flooded?;
    rate?
}

fn messages() -> EventFilter {
    EventFilter {
        kinds: vec![EventKind::Message.into()],
        ..Default::default()
    }
}

async fn next_text(
    events: &mut tonic::Streaming<openclaw_proto::v1::WatchEventsResponse>,
) -> Result<(), Failure> {
    loop {
        let frame = events.message().await?.ok_or("the events ended")?;
        if let Some(Item::Event(event)) = frame.item
            && matches!(event.kind, Some(event::Kind::Message(message)) if !message.origin().from_me())
        {
            return Ok(());
        }
    }
}

async fn send(
    client: &AgentClient<Channel>,
    control: &Control,
    arguments: &Arguments,
) -> Result<f64, Failure> {
    let before = control.inbox(&arguments.peer).await?;
    let wanted = before + usize::try_from(arguments.send)?;
    let started = Instant::now();
    futures::stream::iter(0..arguments.send)
        .map(|number| {
            let mut client = client.clone();
            let to = arguments.peer.clone();
            async move { one_text(&mut client, &to, &format!("text {number}")).await }
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    while control.inbox(&arguments.peer).await? < wanted {
        if started.elapsed() > STEP_TIMEOUT {
            return Err("not every text arrived".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(f64::from(arguments.send) / started.elapsed().as_secs_f64())
}

async fn one_text(client: &mut AgentClient<Channel>, to: &str, text: &str) -> Result<(), Failure> {
    let request = SendRequest {
        wait: SendState::ServerAck.into(),
        ..SendRequest::of_text(to, text)
    };
    client.send(request).await?;
    Ok(())
}

async fn stop(agent: &mut Child) -> std::io::Result<()> {
    agent.start_kill()?;
    agent.wait().await.map(drop)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
