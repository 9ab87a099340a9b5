//! `openclawctl`: the operator's client of one OpenClaw agent.
//!
//! Arguments in, one command run, an exit code out. The client makes no decisions of its own, and knows nothing of the
//! agent or WhatsApp beyond the gRPC contract in `openclaw-proto`. The exception is `import`, which reads another
//! program's WhatsApp data.

mod address;
mod alerts;
mod allow;
mod backup;
mod blocking;
mod bytes;
mod chats;
mod chunks;
mod cli;
mod client;
mod clients;
mod clock;
mod console;
mod consumers;
mod contact;
mod context;
mod contexts;
mod doctor;
mod duration;
mod enroll;
mod events;
mod failure;
mod fleet;
mod group;
mod health;
mod history;
mod import;
mod journal;
mod lookup;
mod mcp;
mod media;
mod numbers;
mod outbox;
mod pair;
mod part_file;
mod poll_results;
mod private_file;
mod progress;
mod qr;
mod render;
mod restore;
mod resume;
mod rollback;
mod secret;
mod send;
mod state_dir;
mod status;
mod stop;
mod text;
mod unpair;
mod variables;
mod version;
mod watch;
mod web;
mod web_console;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use openclaw_harden::process::refuse_new_privileges;

use crate::address::{Address, Environment, Flags};
use crate::cli::{
    BackupArgs, BackupCommand, BaileysArgs, Cli, ClientsCommand, Command, ImportCommand,
    MediaCommand,
};
use crate::context::store::Store;
use crate::failure::{Exit, Failure};
use crate::numbers::Numbers;
use crate::send::payload;

/// The command line; the man pages are generated from it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if console::is_utf8() => error.exit(),
        Err(error) => {
            // Help is data for stdout, whose reader may close it.
            let text = error.render().to_string();
            if error.use_stderr() {
                console::note(text.trim_end());
            } else {
                let _ = console::write(&text);
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let json = cli.json;
    let exit = match run(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            console::failure(&failure, json);
            failure.exit()
        }
    };
    ExitCode::from(exit)
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let Cli {
        agent,
        context,
        all,
        json,
        mask,
        command,
    } = cli;
    Numbers::choose(mask);
    let opens_browser = match &command {
        Command::Pair(args) => args.web,
        command => matches!(command, Command::Console(_)),
    };
    if !opens_browser {
        refuse_new_privileges();
    }
    if let (Command::Completions { shell }, false) = (&command, all) {
        console::write(&cli::completions(*shell))?;
        return Ok(Exit::Done);
    }
    variables::warn_of_near_misses(json);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
    let flags = Flags {
        agent: agent.as_deref(),
        context: context.as_ref(),
    };
    let done = runtime.block_on(async {
        match all {
            true => fleet::run(flags, &Store::of_user(), &command, json).await,
            false => perform(flags, json, command).await,
        }
    });
    // Without waiting for a thread that reads stdin, which may never end.
    runtime.shutdown_background();
    done
}

async fn perform(flags: Flags<'_>, json: bool, command: Command) -> Result<Exit, Failure> {
    let store = Store::of_user();
    match command {
        Command::Backup(BackupArgs {
            command: Some(BackupCommand::Verify(args)),
            ..
        }) => backup::verify(&args, json).await,
        Command::Import(ImportCommand::Baileys(args @ BaileysArgs { check: true, .. })) => {
            import::check(&args, json).await
        }
        Command::Enroll(args) => enroll::run(flags, &store, &args, json).await,
        Command::Context(command) => contexts::run(flags, &store, command, json).await,
        Command::Clients(ClientsCommand::NewCode) => clients::new_code(json),
        command => {
            let address = address::resolve(flags, &Environment::read()?, &store)?;
            ask(&address, json, command).await
        }
    }
}

/// The commands that call an agent.
async fn ask(address: &Address, json: bool, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Pair(args) => pair::run(address, &args, json).await,
        Command::Console(args) => web_console::run(address, &args, json).await,
        Command::Status(args) => status::run(address, &args, json).await,
        Command::Resume(args) => resume::run(address, &args, json).await,
        Command::Send(args) => send::message(address, &args, json).await,
        Command::React(args) => {
            send::deliver(address, payload::reaction(&args)?, &args.delivery, json).await
        }
        Command::Edit(args) => {
            send::deliver(address, payload::edit(&args)?, &args.delivery, json).await
        }
        Command::Delete(args) => {
            send::deliver(address, payload::deletion(&args)?, &args.delivery, json).await
        }
        Command::Poll(args) => {
            send::deliver(address, payload::poll(&args)?, &args.delivery, json).await
        }
        Command::Vote(args) => {
            send::deliver(address, payload::vote(&args)?, &args.delivery, json).await
        }
        Command::PollResults(args) => poll_results::run(address, &args, json).await,
        Command::Read(args) => chats::read(address, &args, json).await,
        Command::Typing(args) => chats::typing(address, &args, json).await,
        Command::Chats(args) => chats::list(address, &args, json).await,
        Command::History(args) => history::run(address, &args, json).await,
        Command::Lookup(args) => lookup::run(address, &args, json).await,
        Command::Contact(args) => contact::run(address, &args, json).await,
        Command::Outbox(command) => outbox::run(address, &command, json).await,
        Command::Watch(args) => watch::run(address, &args, json).await,
        Command::Events(args) => events::run(address, &args, json).await,
        Command::Media(MediaCommand::Get(args)) => media::get(address, &args, json).await,
        Command::Mcp(args) => mcp::run(address, &args, json).await,
        Command::Group(command) => group::run(address, &command, json).await,
        Command::Consumers(args) => consumers::run(address, &args, json).await,
        Command::Unpair(args) => unpair::run(address, &args, json).await,
        Command::Backup(args) => backup::run(address, &args, json).await,
        Command::Restore(args) => restore::run(address, &args, json).await,
        Command::Import(ImportCommand::Baileys(args)) => import::run(address, &args, json).await,
        Command::Allow(args) => allow::run(address, &args, json).await,
        Command::Alerts(command) => alerts::run(address, &command, json).await,
        Command::Clients(command) => clients::run(address, &command, json).await,
        Command::Rollback(command) => rollback::run(address, &command, json).await,
        Command::Doctor(args) => doctor::run(address, &args, json).await,
        Command::Health(args) => health::run(address, &args, json).await,
        Command::Version => version::run(address, json).await,
        // These need no agent, and were handled above.
        Command::Enroll(_) | Command::Context(_) | Command::Completions { .. } => Ok(Exit::Done),
    }
}
