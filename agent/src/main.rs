//! The daemon: arguments, hardening, runtime, exit code. The order is significant: see [`openclaw_harden`].

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use openclaw_agent::app::daemon;
use openclaw_agent::host::command::{self, Task};
use openclaw_agent::host::exit::end;
use openclaw_agent::host::{config, healthcheck, keys, volume};
use openclaw_harden::environment;
use openclaw_settings::names::Unknown;
use openclaw_types::Exit;

/// The protocol library does not wipe its keys; this allocator wipes all freed memory.
#[global_allocator]
static ALLOCATOR: openclaw_harden::ZeroOnFree = openclaw_harden::ZeroOnFree;

fn main() -> ExitCode {
    // Before anything else: this may replace the process image.
    let secrets = match environment::take(&command::SECRETS) {
        Ok(secrets) => Arc::new(secrets),
        Err(error) => {
            let hint = volume::BadSource::Environment(error);
            return end(&hint, &hint.hint(), Exit::Configuration);
        }
    };
    #[cfg(feature = "sim")]
    if let Err(error) = openclaw_state::failpoint::arm() {
        return end(&error, "leave it unset", Exit::Configuration);
    }
    match Task::read(std::env::args_os(), &secrets) {
        Ok(Task::Run(config)) => daemon::run(*config, &secrets),
        Ok(Task::Keys {
            command,
            place,
            source,
        }) => {
            let done = keys::run(command, &place, source.as_ref());
            done.map_or_else(
                |error| end(&error, &error.hint(), error.exit()),
                |()| ExitCode::SUCCESS,
            )
        }
        Ok(Task::Healthcheck { http, ready }) => check(http, ready),
        Err(error) => misused(&error),
    }
}

/// Reports invalid arguments or settings.
fn misused(error: &config::Error) -> ExitCode {
    match error {
        config::Error::Usage(error) => {
            // Requested help or version: printed to stdout, with code 0.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Failed.code()))
        }
        mistakes @ config::Error::Values(_) => {
            eprint!("{mistakes}");
            // A misspelt variable may be the cause.
            for Unknown { name, nearest } in command::unknown_variables() {
                let meant = nearest.map(|nearest| format!("; did you mean {nearest}?"));
                let meant = meant.unwrap_or_default();
                eprintln!("note: {name} is not a setting of the agent{meant}");
            }
            ExitCode::from(Exit::Configuration)
        }
    }
}

/// Prints a single line: `docker inspect` and a kubelet's events show it.
fn check(http: SocketAddr, ready: bool) -> ExitCode {
    match healthcheck::run(http, ready) {
        Ok(state) => {
            println!("healthy: whatsapp is {state}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(Exit::Failed)
        }
    }
}
