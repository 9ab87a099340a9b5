//! Reads a new secret from the terminal, twice and without echo, or from a pipe.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use openclaw_vault::{BadSecret, Secret};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::Error;
use crate::host::volume::Fault;

const MAX_SECRET_BYTES: u64 = 4096;
/// The prefix of a key; any other input is a passphrase.
const KEY: &str = "openclaw-key-";

pub(super) fn new_secret() -> Result<Secret, Error> {
    if !io::stdin().is_terminal() {
        return parse(
            &line(&mut io::stdin().lock().take(MAX_SECRET_BYTES)).map_err(Error::Prompt)?,
        );
    }
    let hidden = Hidden::new().map_err(Error::Prompt)?;
    let first = ask("New passphrase (or key): ").map_err(Error::Prompt)?;
    let secret = parse(&first)?;
    let again = ask("Repeat it: ").map_err(Error::Prompt)?;
    drop(hidden);
    (*first == *again)
        .then_some(secret)
        .ok_or(Error::NotTheSame)
}

fn parse(text: &str) -> Result<Secret, Error> {
    if let Ok(Some(key)) = openclaw_settings::value(text.as_bytes())
        && key.starts_with(KEY)
    {
        return Secret::parse_key(key).map_err(Error::Bad);
    }
    if !openclaw_settings::is_set(text.as_bytes()) {
        return Err(Error::Bad(BadSecret::EmptyPassphrase));
    }
    Fault::of(text).map_or(Ok(()), |fault| Err(Error::Unfit(fault)))?;
    Secret::parse_passphrase(text).map_err(Error::Bad)
}

fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    let mut stderr = io::stderr();
    stderr.write_all(question.as_bytes())?;
    let answer = line(&mut io::stdin().lock().take(MAX_SECRET_BYTES));
    // The Enter key was not echoed.
    stderr.write_all(b"\n")?;
    answer
}

fn line(input: &mut impl io::BufRead) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::with_capacity(MAX_SECRET_BYTES as usize));
    input.read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

/// A terminal with echo disabled until dropped.
struct Hidden(Termios);

impl Hidden {
    fn new() -> io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(stdin.as_fd())?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO;
        tcsetattr(stdin.as_fd(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Ignored: the terminal is gone.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piped_line_is_read_without_its_newline() {
        for text in [
            "correct horse",
            "correct horse\n",
            "correct horse\r\nmore\n",
        ] {
            assert_eq!(*line(&mut text.as_bytes()).unwrap(), "correct horse");
        }
    }

    #[test]
    fn a_key_is_recognised_by_its_prefix() {
        let key = openclaw_vault::Key32::random().unwrap().to_text();
        assert!(matches!(parse(&key), Ok(Secret::Raw(_))));
        assert!(matches!(parse("correct horse"), Ok(Secret::Passphrase(_))));
        let not_a_key = parse("openclaw-key-");
        assert!(matches!(not_a_key, Err(Error::Bad(BadSecret::NotAKey))));
        for nothing in ["", " ", "\"\""] {
            let empty = parse(nothing);
            assert!(matches!(empty, Err(Error::Bad(BadSecret::EmptyPassphrase))));
        }
        for unfit in ["password", "\"correct horse\"", "correct horse "] {
            assert!(matches!(parse(unfit), Err(Error::Unfit(_))), "{unfit}");
        }
    }
}
