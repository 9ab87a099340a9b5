//! The program: its log and its exit code.

use std::process::ExitCode;

use clap::Parser as _;
use openclaw_harden::ZeroOnFree;
use openclaw_harden::process::{Inspection, protect_memory};
use openclaw_relay::cli::{Cli, Command, DeadLetters};
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

fn main() -> ExitCode {
    // A failure is ignored: the relay must also work where the platform denies hardening.
    protect_memory(Inspection::Refused);
    let command = Cli::parse().command;
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
