//! Where the person's answers come from: the terminal, stdin, a file that is awaited, or a program.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Interval, interval};

use crate::failure::Failure;
use crate::pair::authenticator::Running;
use crate::pair::keyboard::Quiet;

/// How often an awaited file is read.
const FILE_INTERVAL: Duration = Duration::from_millis(500);
/// More than any answer has; the agent accepts 64 KiB.
const MAX_ANSWER_BYTES: usize = 128 * 1024;
const MAX_ANSWER_FILE_BYTES: u64 = MAX_ANSWER_BYTES as u64;
const MAX_QUEUED_READS: usize = 4;

/// The source of answers.
pub(crate) enum Input {
    /// Another client answers.
    Elsewhere,
    /// Lines of stdin.
    Lines {
        reads: Option<mpsc::Receiver<Vec<u8>>>,
        text: String,
        /// No line discipline while an answer is awaited: it limits a line to 4,095 bytes.
        quiet: Option<Quiet>,
    },
    /// A file, which is read again when it has changed.
    File {
        path: PathBuf,
        /// What was found last: each is returned once.
        last: Option<Found>,
        ticks: Interval,
    },
    /// A program that uses the passkey.
    Program(Box<Running>),
}

/// What has been given.
pub(crate) enum Given {
    /// All of the answer so far, with a complete line at its end; or why it cannot be one, once. Another answer may follow.
    Answer(Result<String, Failure>),
    /// The output of a program.
    Printed(Result<String, Failure>),
}

/// What an awaited file contains: its text, or why that cannot be an answer.
type Found = Result<String, String>;

impl Input {
    /// `file` is the argument of `--assertion`; without it, only a terminal is read, and never for JSON.
    pub(crate) fn new(file: Option<&Path>, json: bool) -> Self {
        let lines = || Self::Lines {
            reads: None,
            text: String::new(),
            quiet: None,
        };
        match file {
            Some(path) if path.as_os_str() == "-" => lines(),
            Some(path) => Self::File {
                path: path.to_owned(),
                last: None,
                ticks: interval(FILE_INTERVAL),
            },
            None if !json && io::stdin().is_terminal() => lines(),
            None => Self::Elsewhere,
        }
    }

    /// True while a program is asked.
    pub(crate) const fn is_program(&self) -> bool {
        matches!(self, Self::Program(_))
    }

    /// What the person is asked to do for an answer.
    pub(crate) fn request(&self) -> String {
        match self {
            Self::Elsewhere => {
                "Waiting for the answer from another client; `--assertion FILE` gives it here"
                    .to_owned()
            }
            Self::Lines { .. } => "4. Paste the answer here, and press Enter".to_owned(),
            Self::File { path, .. } => format!("4. Save the answer as {}", path.display()),
            // It asks for itself.
            Self::Program(_) => String::new(),
        }
    }

    /// Begins to read an answer, without echo: it is a credential.
    pub(crate) fn await_assertion(&mut self) -> Result<(), Failure> {
        if let Self::Lines { quiet, .. } = self {
            *quiet = Quiet::input();
        }
        self.start()
    }

    /// Begins to read a code. A file or a program has none.
    pub(crate) fn await_code(&mut self) -> Result<(), Failure> {
        match self {
            Self::Lines { quiet, .. } => *quiet = None,
            Self::File { .. } | Self::Program(_) => *self = Self::new(None, false),
            Self::Elsewhere => {}
        }
        self.start()
    }

    fn start(&mut self) -> Result<(), Failure> {
        if let Self::Lines { reads, .. } = self
            && reads.is_none()
        {
            *reads = Some(read_stdin()?);
        }
        Ok(())
    }

    /// Forgets what has been read: the next answer begins.
    pub(crate) fn clear(&mut self) {
        if let Self::Lines { text, .. } = self {
            text.clear();
        }
    }

    /// Waits for the next part of an answer. Losing the future loses nothing.
    pub(crate) async fn next(&mut self) -> Given {
        match self {
            Self::Program(running) => Given::Printed(running.output().await),
            _ => Given::Answer(self.next_answer().await),
        }
    }

    async fn next_answer(&mut self) -> Result<String, Failure> {
        match self {
            Self::Elsewhere | Self::Program(_) | Self::Lines { reads: None, .. } => {
                std::future::pending().await
            }
            Self::Lines {
                reads: Some(reads),
                text,
                ..
            } => loop {
                let Some(read) = reads.recv().await else {
                    let rest = std::mem::take(text);
                    *self = Self::Elsewhere;
                    return match rest.trim().is_empty() {
                        true => Err(closed()),
                        false => Ok(rest),
                    };
                };
                let read = String::from_utf8_lossy(&read).replace('\r', "\n");
                text.push_str(&read);
                if text.len() > MAX_ANSWER_BYTES {
                    text.clear();
                    return Err(not_readable("stdin", TOO_LONG));
                }
                if read.contains('\n') {
                    return Ok(text.clone());
                }
            },
            Self::File { path, last, ticks } => loop {
                ticks.tick().await;
                let Some(found) = read_file(path).filter(|found| Some(found) != last.as_ref())
                else {
                    continue;
                };
                *last = Some(found.clone());
                return found.map_err(|why| not_readable(&path.display().to_string(), &why));
            },
        }
    }
}

const TOO_LONG: &str = "it has more than 128 KiB";

fn closed() -> Failure {
    Failure::new("stdin is closed, and had no answer")
        .with_hint("give the answer with `--assertion FILE`, or from another client")
}

fn not_readable(source: &str, why: &str) -> Failure {
    Failure::new(format!("{source} has no answer: {why}"))
        .with_hint("give the JSON that the button on WhatsApp's page copies")
}

/// What the file contains, if it is there.
fn read_file(path: &Path) -> Option<Found> {
    match read_answer(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
        Ok(found) => Some(found),
    }
}

/// Opening a FIFO, and reading a device, may never end: neither is done.
fn read_answer(path: &Path) -> io::Result<Found> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Err(
            "it is not a regular file (`-` reads from stdin)".to_owned()
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_ANSWER_FILE_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_ANSWER_BYTES {
        return Ok(Err(TOO_LONG.to_owned()));
    }
    Ok(String::from_utf8(bytes).map_err(|_| "it is not text".to_owned()))
}

/// Reads stdin on a thread of its own, which ends with the process.
fn read_stdin() -> Result<mpsc::Receiver<Vec<u8>>, Failure> {
    let (sender, reads) = mpsc::channel(MAX_QUEUED_READS);
    std::thread::Builder::new()
        .spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = io::stdin().lock().read(&mut buffer) {
                if sender.blocking_send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        })
        .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
    Ok(reads)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_file_is_awaited_and_one_that_cannot_be_an_answer_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answer.json");
        let write = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();

        assert_eq!(read_file(&path), None, "it is not there yet");
        write(b"{\"id\":1}");
        assert_eq!(read_file(&path), Some(Ok("{\"id\":1}".to_owned())));
        write(&vec![b'{'; MAX_ANSWER_BYTES]);
        assert!(matches!(read_file(&path), Some(Ok(_))));
        write(&vec![b'{'; MAX_ANSWER_BYTES + 1]);
        assert_eq!(read_file(&path), Some(Err(TOO_LONG.to_owned())));
        write(&[0xff, 0xfe, 0]);
        assert_eq!(read_file(&path), Some(Err("it is not text".to_owned())));

        let fifo = dir.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for special in [fifo.as_path(), dir.path(), Path::new("/dev/zero")] {
            let found = read_file(special).expect("it is there");
            assert!(
                found.is_err_and(|why| why.contains("regular file")),
                "{special:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_file_is_reported_once_and_a_new_one_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answer.json");
        std::fs::write(&path, [0xff]).unwrap();
        let mut input = Input::new(Some(&path), true);

        assert!(input.next_answer().await.is_err());
        let mut next = std::pin::pin!(input.next_answer());
        assert!(
            tokio::time::timeout(FILE_INTERVAL * 4, &mut next)
                .await
                .is_err()
        );
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(next.await.unwrap(), "{}");
    }
}
