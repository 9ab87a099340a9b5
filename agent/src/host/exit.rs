//! Ends the process with an exit code, an error and a hint.

use std::error::Error as StdError;
use std::process::ExitCode;

use openclaw_types::Exit;

/// Like [`end`], and also logs the error.
pub fn fail(error: &dyn StdError, hint: &str, exit: Exit) -> ExitCode {
    tracing::error!(hint, "{}", chain(error));
    end(error, hint, exit)
}

/// Prints the error and the hint to stderr.
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
