//! `openclawctl`: the operator's client of one OpenClaw agent.
//!
//! Arguments in, one command run, an exit code out. Nothing is decided here, and nothing of the
//! agent or of WhatsApp is known here beyond the gRPC contract in `openclaw-proto`.

mod address;
mod allow;
mod aside;
mod backup;
mod cli;
mod client;
mod clock;
mod console;
mod consumers;
mod doctor;
mod duration;
mod failure;
mod health;
mod outbox;
mod pair;
mod phone;
mod private_file;
mod progress;
mod qr;
mod render;
mod restore;
mod rollback;
mod secret;
mod send;
mod state_dir;
mod status;
mod stop;
mod text;
mod unpair;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{BackupArgs, BackupCommand, Cli, Command};
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("start the runtime: {error}")))?;
    runtime.block_on(perform(agent.as_deref(), json, command))
}

async fn perform(agent: Option<&str>, json: bool, command: Command) -> Result<Exit, Failure> {
    if let Command::Backup(BackupArgs {
        command: Some(BackupCommand::Verify(args)),
        ..
    }) = command
    {
        return backup::verify(&args, json).await;
    }
    let address = address::resolve(agent, &address::Environment::read())?;
    match command {
        Command::Pair(args) => pair::run(&address, &args, json).await,
        Command::Status(args) => status::run(&address, &args, json).await,
        Command::Send(args) => send::run(&address, &args, json).await,
        Command::Outbox(command) => outbox::run(&address, &command, json).await,
        Command::Watch(args) => watch::run(&address, &args, json).await,
        Command::Consumers(args) => consumers::run(&address, &args, json).await,
        Command::Unpair(args) => unpair::run(&address, &args, json).await,
        Command::Backup(args) => backup::run(&address, &args, json).await,
        Command::Restore(args) => restore::run(&address, &args, json).await,
        Command::Allow(args) => allow::run(&address, &args, json).await,
        Command::Doctor(args) => doctor::run(&address, &args, json).await,
        Command::Health(args) => health::run(&address, &args, json).await,
        Command::Completions { .. } => Ok(Exit::Done),
    }
}
