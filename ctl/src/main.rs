//! `openclawctl`: the operator's client of one OpenClaw agent.
//!
//! Arguments in, one command run, an exit code out. Nothing is decided here, and nothing of the
//! agent or of WhatsApp is known here beyond the gRPC contract in `openclaw-proto`.

mod address;
mod cli;
mod client;
mod clock;
mod console;
mod duration;
mod failure;
mod health;
mod pair;
mod phone;
mod qr;
mod render;
mod send;
mod status;
mod text;
mod unpair;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::failure::{Exit, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let exit = match run(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.report(json);
            failure.exit()
        }
    };
    ExitCode::from(exit)
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let Cli {
        agent,
        json,
        command,
    } = cli;
    if let Command::Completions { shell } = command {
        console::write(&cli::completions(shell))?;
        return Ok(Exit::Done);
    }
    let address = address::resolve(agent.as_deref(), &address::Environment::read())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("start the runtime: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Pair(args) => pair::run(&address, &args, json).await,
            Command::Status(args) => status::run(&address, &args, json).await,
            Command::Send(args) => send::run(&address, &args, json).await,
            Command::Watch(args) => watch::run(&address, &args, json).await,
            Command::Unpair(args) => unpair::run(&address, &args, json).await,
            Command::Health(args) => health::run(&address, &args, json).await,
            Command::Completions { .. } => Ok(Exit::Done),
        }
    })
}
