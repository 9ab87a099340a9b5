//! The terminal's input while a code is shown.

use std::io;

use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr,
    tcsetattr,
};

/// Input without echo and line discipline, and without Ctrl-Z, which would leave the code on the screen. Restored on
/// drop.
pub(crate) struct Quiet {
    before: Termios,
}

impl Quiet {
    /// `None` if stdin is not a terminal.
    pub(crate) fn input() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
        quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &quiet).ok()?;
        Some(Self { before })
    }

    /// Input as it is, for a program that asks on the terminal itself and may be killed while it does.
    pub(crate) fn lent() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        Some(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Discards input typed while the code was shown: it is not meant for the shell.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
