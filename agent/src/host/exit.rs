//! How the process ends: with a code, and with what to do next.

use std::error::Error as StdError;
use std::process::ExitCode;

use openclaw_types::Exit;

/// As [`end`], and in the log.
pub fn fail(error: &dyn StdError, hint: &str, exit: Exit) -> ExitCode {
    tracing::error!(hint, "{}", chain(error));
    end(error, hint, exit)
}

/// Says why, and what to do next.
pub fn end(error: &dyn StdError, hint: &str, exit: Exit) -> ExitCode {
    eprintln!("error: {}\nhint: {hint}", chain(error));
    ExitCode::from(exit)
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
