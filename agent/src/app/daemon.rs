//! The agent as a process: logging, single-threaded setup, the runtime, and the exit code.

use std::process::ExitCode;

use openclaw_harden::environment::Secrets;
use openclaw_settings::names::Unknown;
use openclaw_state::clock;

use super::{Outcome, start};
use crate::host::config::Config;
use crate::host::exit::fail;
use crate::host::{command, logging};
use openclaw_types::Exit;

/// Runs the agent until it ends, and returns the exit code of the process.
#[must_use]
pub fn run(config: Config, secrets: &Secrets) -> ExitCode {
    logging::init(config.log);
    for Unknown { name, nearest } in command::unknown_variables() {
        tracing::warn!(variable = name, nearest, "unknown variable ignored");
    }
    // Reads the end of the stack, which the sandbox may deny later.
    openclaw_harden::scrub_stack();
    let started = match start::start(&config, clock::wall()) {
        Ok(started) => started,
        Err(error) => return fail(&error, &error.hint(), error.exit()),
    };
    // One thread serves the link and the API. A file in transfer holds a thread (two up from clients, two to WhatsApp, two
    // down), and so does a backup; DNS and large frames of the link must find a free one. Idle threads end.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(16)
        .on_thread_park(openclaw_harden::scrub_stack)
        .on_thread_stop(openclaw_harden::scrub_stack)
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(super::run(config, started));
            // An alert or DNS query without an answer must not delay the exit.
            runtime.shutdown_background();
            ended
        }
        Err(error) => return fail(&error, "free some memory, then start again", Exit::Failed),
    };
    match ended {
        Ok(Outcome::Stopped) => ExitCode::SUCCESS,
        Ok(Outcome::Replace) => {
            tracing::info!("replacing the process image to clear the account from memory");
            let error = openclaw_harden::replace_process(secrets);
            fail(&error, "start the agent again", Exit::Failed)
        }
        Err(error) => fail(&error, error.hint(), Exit::Failed),
    }
}
