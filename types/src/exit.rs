//! Exit codes.

use std::process::ExitCode;

/// The exit codes of the agent and of its client. Scripts depend on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Done = 0,
    /// Failure.
    Failed = 1,
    /// The command line, or a file that it names, is invalid.
    Usage = 2,
    /// The agent cannot be reached, or the connection was lost.
    Unreachable = 3,
    /// Refused because of the state of the agent or of its store.
    Refused = 4,
    /// Partial success: the message is at WhatsApp's server, but the awaited receipt did not arrive in time.
    Partly = 5,
    /// The configuration is invalid.
    Configuration = 64,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
