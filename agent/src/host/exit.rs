//! How the process ends: with a code, and with what to do next.

use std::error::Error as StdError;
use std::process::ExitCode;

/// It did not work. The exit codes of both binaries: 0 done, 1 failed, 2 usage, 4 refused, 64 bad configuration.
pub const FAILED: u8 = 1;
/// What it was told cannot be.
pub const BAD_CONFIGURATION: u8 = 64;

/// As [`end`], and in the log.
pub fn fail(error: &dyn StdError, hint: &str, code: u8) -> ExitCode {
    tracing::error!(hint, "{}", chain(error));
    end(error, hint, code)
}

/// Says why, and what to do next.
pub fn end(error: &dyn StdError, hint: &str, code: u8) -> ExitCode {
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
