//! A backup to stdout. It cannot be read back, so it is verified while it is written.

use std::io::{self, IsTerminal as _, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use openclaw_vault::Secret;
use tokio::sync::oneshot;

use super::check::{self, Whole, check};
use crate::console;
use crate::failure::Failure;

/// Chunks queued between the agent and the check.
const MAX_QUEUED_CHUNKS: usize = 4;

/// stdout, with the check.
#[derive(Default)]
pub(super) struct Pipe {
    checking: Option<Checking>,
}

struct Checking {
    chunks: SyncSender<Vec<u8>>,
    verdict: oneshot::Receiver<Result<Whole, Failure>>,
}

impl Pipe {
    /// Refuses a terminal: binary output would garble it.
    pub(super) fn open() -> Result<Self, Failure> {
        if io::stdout().is_terminal() {
            return Err(Failure::usage("a backup is not written to a terminal")
                .with_hint("name a file, or send stdout to one"));
        }
        Ok(Self::default())
    }

    /// Starts the check.
    pub(super) fn check_with(&mut self, secret: Secret) -> Result<(), Failure> {
        let (chunks, taken) = sync_channel(MAX_QUEUED_CHUNKS);
        let (say, verdict) = oneshot::channel();
        let work = move || {
            let passed = Passed {
                taken,
                chunk: Vec::new(),
                at: 0,
            };
            let checked = check(passed, &secret, |_| ())
                .map_err(|error| check::failure(Path::new("stdout"), &secret, &error));
            // Fails only if the caller no longer waits.
            let _ = say.send(checked);
        };
        std::thread::Builder::new()
            .spawn(work)
            .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        self.checking = Some(Checking { chunks, verdict });
        Ok(())
    }

    /// Writes `bytes` to stdout and to the check.
    pub(super) fn write(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        console::bytes(&bytes)?;
        if let Some(checking) = &self.checking {
            // A failed check no longer reads; its verdict is reported at the end.
            let _ = checking.chunks.send(bytes);
        }
        Ok(())
    }

    /// The verdict, after everything was written.
    pub(super) async fn verdict(&mut self) -> Result<Whole, Failure> {
        let ended = || Failure::new("the check ended without a result");
        let Checking { chunks, verdict } = self.checking.take().ok_or_else(ended)?;
        drop(chunks);
        verdict.await.map_err(|_| ended())?
    }
}

/// A reader of the written bytes.
struct Passed {
    taken: Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for Passed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            match self.taken.recv() {
                Ok(chunk) => (self.chunk, self.at) = (chunk, 0),
                Err(_) => return Ok(0),
            }
        }
        let read = (&self.chunk[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
