//! The daemon: arguments, hardening, runtime, exit code. The order is the point: see [`openclaw_harden`].

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use openclaw_agent::app::Outcome;
use openclaw_agent::command::{self, Task};
use openclaw_agent::config::{self, Config};
use openclaw_agent::{app, healthcheck, import, keys, logging, start, volume};
use openclaw_harden::environment::{self, Secrets};
use openclaw_settings::names::Unknown;
use openclaw_state::clock;

/// The protocol library wipes none of its keys; this wipes whatever is freed.
#[global_allocator]
static ALLOCATOR: openclaw_harden::ZeroOnFree = openclaw_harden::ZeroOnFree;

/// Exit codes of both binaries: 0 done, 1 failed, 2 usage, 4 refused, 64 bad configuration.
const FAILED: u8 = 1;
const BAD_CONFIGURATION: u8 = 64;

fn main() -> ExitCode {
    // Before anything else: this may replace the process image.
    let secrets = match environment::take(&command::SECRETS) {
        Ok(secrets) => Arc::new(secrets),
        Err(error) => {
            let hint = volume::BadSource::Environment(error);
            return end(&hint, &hint.hint(), BAD_CONFIGURATION);
        }
    };
    #[cfg(feature = "sim")]
    if let Err(error) = openclaw_state::failpoint::arm() {
        return end(&error, "leave it unset", BAD_CONFIGURATION);
    }
    match Task::read(std::env::args_os(), &secrets) {
        Ok(Task::Run(config)) => run(*config, &secrets),
        Ok(Task::Keys {
            command,
            place,
            source,
        }) => {
            let done = keys::run(command, &place, source.as_ref());
            done.map_or_else(
                |error| end(&error, &error.hint(), error.exit_code()),
                |()| ExitCode::SUCCESS,
            )
        }
        Ok(Task::Import {
            from,
            json,
            place,
            source,
        }) => {
            let done = import::run(&from, json, &place, &source, clock::wall());
            done.map_or_else(
                |error| end(&error, &error.hint(), error.exit_code()),
                |()| ExitCode::SUCCESS,
            )
        }
        Ok(Task::Healthcheck { http, ready }) => check(http, ready),
        Err(config::Error::Usage(error)) => {
            // Help and the version are asked for, and go to stdout with code 0.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILED))
        }
        Err(mistakes @ config::Error::Values(_)) => {
            eprint!("{mistakes}");
            // One of these may be why.
            for Unknown { name, nearest } in command::unknown_variables() {
                let meant = nearest.map(|nearest| format!("; is {nearest} meant?"));
                eprintln!(
                    "note: {name} is not a setting of the agent{}",
                    meant.unwrap_or_default()
                );
            }
            ExitCode::from(BAD_CONFIGURATION)
        }
    }
}

fn run(config: Config, secrets: &Secrets) -> ExitCode {
    logging::init(config.log);
    for Unknown { name, nearest } in command::unknown_variables() {
        tracing::warn!(
            variable = name,
            nearest,
            "this variable is not a setting of the agent and does nothing"
        );
    }
    // It learns where the stack ends, which a sandbox may keep from it.
    openclaw_harden::scrub_stack();
    let started = match start::start(&config, clock::wall()) {
        Ok(started) => started,
        Err(error) => return fail(&error, &error.hint(), error.exit_code()),
    };
    // One thread serves the link and the API; blocking calls are rare and short.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .on_thread_park(openclaw_harden::scrub_stack)
        .on_thread_stop(openclaw_harden::scrub_stack)
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(app::run(config, started));
            // An alert or a question that nobody answers must not keep the end waiting.
            runtime.shutdown_background();
            ended
        }
        Err(error) => return fail(&error, "free some memory, then start again", FAILED),
    };
    match ended {
        Ok(Outcome::Stopped) => ExitCode::SUCCESS,
        Ok(Outcome::Replace) => {
            tracing::info!(
                "replacing the process image, so that nothing of the account stays in memory"
            );
            let error = openclaw_harden::replace_process(secrets);
            fail(&error, "start the agent again", FAILED)
        }
        Err(error) => fail(&error, error.hint(), FAILED),
    }
}

/// One line either way: it is what `docker inspect` and a kubelet's events show.
fn check(http: SocketAddr, ready: bool) -> ExitCode {
    match healthcheck::run(http, ready) {
        Ok(state) => {
            println!("well: whatsapp is {state}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// As [`end`], and in the log.
fn fail(error: &dyn StdError, hint: &str, code: u8) -> ExitCode {
    tracing::error!(hint, "{}", chain(error));
    end(error, hint, code)
}

fn end(error: &dyn StdError, hint: &str, code: u8) -> ExitCode {
    eprintln!("error: {}\nhint: {hint}", chain(error));
    ExitCode::from(code)
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
