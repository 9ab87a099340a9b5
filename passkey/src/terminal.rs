//! The person at the terminal. stdout has only the assertion, so notes go to stderr; a PIN is typed on the terminal itself.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Prints a line for the person.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The terminal without echo until the drop.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn open() -> Option<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
        let terminal = terminal.ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes |= LocalModes::ICANON;
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        tcsetattr(&terminal, OptionalActions::Flush, &quiet).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
        // The person's Enter was not shown.
        let _ = self.terminal.write_all(b"\n");
    }
}

/// Asks for a line that is not shown. `None` without a terminal, and for an empty line.
pub async fn ask_hidden(question: &str) -> Option<Zeroizing<String>> {
    let mut quiet = Quiet::open()?;
    quiet.terminal.write_all(question.as_bytes()).ok()?;
    let terminal = quiet.terminal.try_clone().ok()?;
    let (sender, typed) = oneshot::channel();
    // A thread, because the read cannot be interrupted: if the phone answers meanwhile, the program ends without it.
    std::thread::spawn(move || {
        let mut line = Zeroizing::new(String::new());
        let read = BufReader::new(terminal).read_line(&mut line);
        // Fails only if no one waits any more.
        let _ = sender.send(read.ok().map(|_| line));
    });
    let line = typed.await.ok()??;
    let line = Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned());
    Some(line).filter(|line| !line.is_empty())
}
