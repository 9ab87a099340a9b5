//! The program: its command line, its log and its exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use openclaw_harden::ZeroOnFree;
use openclaw_harden::process::{Inspection, protect_memory};
use openclaw_relay::config::Config;
use openclaw_relay::{check, run};
use openclaw_types::Exit;
use tokio::runtime;
use tokio::task::LocalSet;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Messages and keys pass through here; this allocator wipes all freed memory.
#[global_allocator]
static ALLOCATOR: ZeroOnFree = ZeroOnFree;

/// Events of OpenClaw agents into NATS JetStream, and commands back
#[derive(Parser)]
#[command(name = "openclaw-relay", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a configuration, and that the agents and the broker can be reached with it
    ///
    /// Streams that do not exist are created, unless create_streams is false.
    Check {
        /// The configuration file
        config: PathBuf,
        /// Check the file only
        #[arg(long)]
        offline: bool,
    },
    /// Relay until a signal stops it
    Run {
        /// The configuration file
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    // A failure is ignored: the relay must also work where the platform denies hardening.
    protect_memory(Inspection::Refused);
    let command = Args::parse().command;
    let (Command::Check { config: path, .. } | Command::Run { config: path }) = &command;
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(faults) => return end(&faults, Exit::Configuration),
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return end(&format!("error: {error}"), Exit::Failed),
    };
    LocalSet::new().block_on(&runtime, async {
        match command {
            Command::Check { offline: true, .. } => ExitCode::SUCCESS,
            Command::Check { .. } => match check::connections(&config).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(faults) => end(&faults, Exit::Unreachable),
            },
            Command::Run { .. } => {
                log();
                match run::relay(config).await {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => end(&format!("error: {error}"), Exit::Configuration),
                }
            }
        }
    })
}

/// JSON lines on stdout, like the agent's. The client library would log subjects.
fn log() {
    let own = Targets::new()
        .with_target("openclaw_relay", Level::INFO)
        .with_target("async_nats", Level::ERROR);
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true);
    tracing_subscriber::registry().with(lines).with(own).init();
}

fn end(why: &dyn std::fmt::Display, exit: Exit) -> ExitCode {
    eprintln!("{why}");
    exit.into()
}
