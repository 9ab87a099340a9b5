//! The daemon: settings, logging, runtime, exit code.

use std::error::Error as _;
use std::process::ExitCode;

use openclaw_agent::config::{self, Config};
use openclaw_agent::{app, logging};

/// Exit codes of both binaries: 0 done, 1 failed, 2 usage, 64 bad configuration.
const FAILED: u8 = 1;
const BAD_CONFIGURATION: u8 = 64;

fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(config::Error::Usage(error)) => {
            // Help and the version are asked for, and go to stdout with code 0.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILED));
        }
        Err(mistakes @ config::Error::Values(_)) => {
            eprint!("{mistakes}");
            eprintln!("hint: `openclaw-agent --help` explains every setting");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    logging::init(config.log);
    // One thread serves the link and the API; blocking calls are rare and short.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build();
    let result = match runtime {
        Ok(runtime) => runtime
            .block_on(app::run(config))
            .map_err(|error| chain(&error)),
        Err(error) => Err(format!("start the runtime: {error}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn chain(error: &app::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
