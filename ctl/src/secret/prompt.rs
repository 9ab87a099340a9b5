//! A terminal prompt without echo. The drop restores the echo in every case.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::blocking;
use crate::failure::Failure;
use crate::stop::Stops;

/// The most that a terminal returns at once.
const MAX_LINE_BYTES: usize = 4096;

/// The terminal of this process, without echo until dropped.
pub(crate) struct Prompt {
    terminal: File,
    before: Termios,
}

impl Prompt {
    /// `None` without a terminal. It does not use stdin, which may be a pipe.
    pub(crate) fn open() -> Option<Self> {
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL);
        // Disables Ctrl-Z: the shell that takes over would echo the rest of the input.
        quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
        tcsetattr(&terminal, OptionalActions::Flush, &quiet).ok()?;
        Some(Self { terminal, before })
    }

    /// Prompts, and waits for a line. Ctrl-C and Ctrl-D end it.
    pub(crate) async fn ask(
        &self,
        question: &str,
        stops: &mut Stops,
    ) -> Result<Zeroizing<String>, Failure> {
        let ask = async {
            let mut terminal = self.terminal.try_clone().map_err(|e| broken(&e))?;
            let written = terminal.write_all(question.as_bytes());
            written.map_err(|error| broken(&error))?;
            blocking::run(move || line(&terminal)).await
        };
        let answer = stops.or(stopped, ask).await;
        // The newline was not echoed either.
        let _ = (&self.terminal).write_all(b"\n");
        answer
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn line(mut terminal: &File) -> Result<Zeroizing<String>, Failure> {
    let mut typed = Zeroizing::new([0; MAX_LINE_BYTES]);
    let mut length = 0;
    while !typed[..length].ends_with(b"\n") && length < MAX_LINE_BYTES {
        match terminal.read(&mut typed[length..]) {
            Ok(0) => return Err(stopped()),
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(&error)),
        }
    }
    let text = std::str::from_utf8(&typed[..length])
        .map_err(|_| Failure::usage("what was typed is not UTF-8").with_reason("BAD_SECRET"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn stopped() -> Failure {
    Failure::new("stopped: nothing was changed").with_reason("STOPPED")
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot ask on the terminal: {error}"))
}
