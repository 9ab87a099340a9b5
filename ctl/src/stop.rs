//! Signals that end a command: SIGINT, SIGTERM, SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// The three signals, caught from now on.
pub(crate) struct Stops {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stops {
    /// Without this, the process would end at once and skip its cleanup.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }

    /// The result of `work`, or of `stopped` if a signal arrives first.
    pub(crate) async fn or<T>(
        &mut self,
        stopped: impl FnOnce() -> Failure,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            () = self.next() => Err(stopped()),
        }
    }
}

/// Catches signals of one kind.
pub(crate) fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))
}
