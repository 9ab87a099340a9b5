//! The standalone simulator: a WhatsApp server, its control interface and its media host on three loopback ports.
//!
//! When all are listening, it prints one line of JSON, `{"listen": "ws://…", "control": "http://…", "media":
//! "http://…"}`, and nothing else, to stdout; the log goes to stderr. Ctrl-C and SIGTERM stop it.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use openclaw_sim::{Config, Leniency, Sim, camera, control};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

/// A simulator of the WhatsApp server, with phones and contacts, for tests. It listens on loopback only.
#[derive(Parser)]
#[command(name = "openclaw-sim", version)]
struct Arguments {
    /// Address for clients; port 0 selects a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = loopback)]
    listen: SocketAddr,
    /// Address of the control interface; port 0 selects a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = loopback)]
    control: SocketAddr,
    /// Address of the media host, which serves plain HTTP; port 0 selects a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0", value_parser = loopback)]
    media: SocketAddr,
    /// A recording of a terminal (script, tee) that a phone's camera watches until it has scanned a QR code
    #[arg(long, value_name = "FILE")]
    camera: Option<PathBuf>,
    /// The account whose phone watches
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "+15550100001",
        requires = "camera"
    )]
    camera_account: String,
    /// Server rules that clients may break, separated by commas
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    lenient: Vec<Leniency>,
    /// The log level, for stderr: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "expected an address and a port, as in 127.0.0.1:0".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "{} is not a loopback address, and the simulator has no access control",
            address.ip()
        ))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_max_level(arguments.log)
        .with_writer(std::io::stderr)
        .init();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", openclaw_sim::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(arguments.control).await?;
    let control = listener.local_addr()?;
    let sim = Arc::new(
        Sim::start(Config {
            listen: arguments.listen,
            media_listen: arguments.media,
            lenient: arguments.lenient.iter().copied().collect(),
            ..Config::default()
        })
        .await?,
    );
    announce(&Ready {
        listen: sim.url(),
        control: format!("http://{control}"),
        media: sim.media_url(),
    })?;
    let phone = sim.phone(&arguments.camera_account)?;
    let camera = arguments.camera.clone().map(|screen| {
        tokio::spawn(async move {
            camera::watch(&screen, &phone).await;
            tracing::info!("the phone has scanned the code on the screen");
        })
    });
    control::serve(listener, sim, async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    })
    .await?;
    if let Some(camera) = camera {
        camera.abort();
    }
    Ok(())
}

/// The ready line: what scripts need if they passed port 0.
#[derive(serde::Serialize)]
struct Ready {
    listen: String,
    control: String,
    media: String,
}

/// A closed stdout is ignored: the process that started the simulator may have stopped reading.
fn announce(ready: &Ready) -> serde_json::Result<()> {
    let line = serde_json::to_string(ready)?;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        tracing::warn!("stdout is closed");
    }
    Ok(())
}
