//! How a program ends.

use std::process::ExitCode;

/// The exit codes of the agent and of its client. Scripts depend on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It did not work.
    Failed = 1,
    /// The command line, or what it names, is invalid.
    Usage = 2,
    /// The agent was not reached, or was lost.
    Unreachable = 3,
    /// Refused, because of the state that the agent or its store is in.
    Refused = 4,
    /// Done as far as WhatsApp's server: the message is sent, and the wait for more ran out.
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
