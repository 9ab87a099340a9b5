//! The program: its command line, its log and its exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as Arguments, Parser, Subcommand};
use openclaw_harden::ZeroOnFree;
use openclaw_harden::process::{Inspection, protect_memory};
use openclaw_relay::config::Config;
use openclaw_relay::dead_letters::again::{self, Which};
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

/// Events of OpenClaw agents into NATS JetStream and to webhooks, and commands back
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
    /// Events that a webhook's receiver has not taken
    DeadLetters {
        #[command(subcommand)]
        command: DeadLetters,
    },
}

#[derive(Subcommand)]
enum DeadLetters {
    /// List them: id, webhook, agent, kind, time, and why
    List {
        /// The configuration file
        config: PathBuf,
        /// Only those of this webhook
        #[arg(long, value_name = "NAME")]
        webhook: Option<String>,
        /// An object for each
        #[arg(long)]
        json: bool,
    },
    /// Deliver them again, and remove those that are delivered
    Replay(Chosen),
    /// Remove them without delivering them
    Drop(Chosen),
}

#[derive(Arguments)]
struct Chosen {
    /// The configuration file
    config: PathBuf,
    /// Their ids
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Only those of this webhook
    #[arg(long, value_name = "NAME")]
    webhook: Option<String>,
}

impl Command {
    fn config(&self) -> &Path {
        match self {
            Self::Check { config, .. } | Self::Run { config } => config,
            Self::DeadLetters { command } => match command {
                DeadLetters::List { config, .. } => config,
                DeadLetters::Replay(chosen) | DeadLetters::Drop(chosen) => &chosen.config,
            },
        }
    }
}

impl From<Chosen> for Which {
    fn from(Chosen { ids, webhook, .. }: Chosen) -> Self {
        Self { webhook, ids }
    }
}

fn main() -> ExitCode {
    // A failure is ignored: the relay must also work where the platform denies hardening.
    protect_memory(Inspection::Refused);
    let command = Args::parse().command;
    let config = match Config::read(command.config()) {
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
            Command::DeadLetters { command } => dead_letters(&config, command).await,
        }
    })
}

async fn dead_letters(config: &Config, command: DeadLetters) -> ExitCode {
    let done = match command {
        DeadLetters::List { webhook, json, .. } => {
            let ids = Vec::new();
            again::list(config, &Which { webhook, ids }, json).map(|()| true)
        }
        DeadLetters::Replay(chosen) => again::deliver(config, &chosen.into()).await,
        DeadLetters::Drop(chosen) => again::discard(config, &chosen.into()).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => Exit::Failed.into(),
        Err(error) => end(&format!("error: {error}"), Exit::Usage),
    }
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
