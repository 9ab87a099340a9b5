//! Where the person's answers come from: the terminal, stdin, or a file that is awaited.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Interval, interval};

use crate::failure::Failure;
use crate::pair::keyboard::Quiet;

/// How often an awaited file is read.
const FILE_INTERVAL: Duration = Duration::from_millis(500);
/// More than any answer has; the agent accepts 64 KiB.
const MAX_ANSWER_BYTES: usize = 128 * 1024;
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
        last: String,
        ticks: Interval,
    },
}

/// What has been given.
pub(crate) enum Given {
    /// All of the answer so far, with a complete line at its end.
    Text(String),
    /// There will be no more.
    Closed,
    /// Too much.
    TooLong,
}

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
                last: String::new(),
                ticks: interval(FILE_INTERVAL),
            },
            None if !json && io::stdin().is_terminal() => lines(),
            None => Self::Elsewhere,
        }
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
        }
    }

    /// Begins to read an answer, without echo: it is a credential.
    pub(crate) fn await_assertion(&mut self) -> Result<(), Failure> {
        if let Self::Lines { quiet, .. } = self {
            *quiet = Quiet::input();
        }
        self.start()
    }

    /// Begins to read a code. A file has none.
    pub(crate) fn await_code(&mut self) -> Result<(), Failure> {
        match self {
            Self::Lines { quiet, .. } => *quiet = None,
            Self::File { .. } => *self = Self::new(None, false),
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
            Self::Elsewhere | Self::Lines { reads: None, .. } => std::future::pending().await,
            Self::Lines {
                reads: Some(reads),
                text,
                ..
            } => loop {
                let Some(read) = reads.recv().await else {
                    let rest = std::mem::take(text);
                    *self = Self::Elsewhere;
                    return match rest.trim().is_empty() {
                        true => Given::Closed,
                        false => Given::Text(rest),
                    };
                };
                let read = String::from_utf8_lossy(&read).replace('\r', "\n");
                text.push_str(&read);
                if text.len() > MAX_ANSWER_BYTES {
                    text.clear();
                    return Given::TooLong;
                }
                if read.contains('\n') {
                    return Given::Text(text.clone());
                }
            },
            Self::File { path, last, ticks } => loop {
                ticks.tick().await;
                let Some(found) = read_file(path) else {
                    continue;
                };
                if found != *last {
                    last.clone_from(&found);
                    return Given::Text(found);
                }
            },
        }
    }
}

/// The text of a file of a bearable size, if it is there.
fn read_file(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    let limit = u64::try_from(MAX_ANSWER_BYTES).ok()?;
    file.take(limit).read_to_string(&mut text).ok()?;
    Some(text)
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
