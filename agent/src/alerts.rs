//! Webhook alerts for states of the link that need a person: signed, delivered at least once, without message text or
//! full phone numbers.
//!
//! ```text
//! notifier   the delivery task            body   an alert as JSON or text
//! ```
//!
//! Which states raise an alert, and the delivery queue, are in [`openclaw_state::alerts`]; one attempt is
//! [`openclaw_webhook::Receiver::post`].

mod body;
mod notifier;
mod settings;

use openclaw_state::alerts::{Board, Tested};
use tokio::sync::{mpsc, oneshot, watch};

pub use notifier::Notifier;
pub use settings::{Error, Format, KeyPlace, SECRET, SECRETS, Settings, URL};

/// A handle on alerting. Clones share one task; the default handle sends no alerts.
#[derive(Clone, Debug, Default)]
pub struct Alerts(Option<Handle>);

#[derive(Clone, Debug)]
struct Handle {
    board: watch::Receiver<Board>,
    tests: mpsc::Sender<oneshot::Sender<Tested>>,
    by_proxy: bool,
}

/// Why no test alert was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestDenied {
    /// No receiver is configured.
    #[error("no alert receiver is configured")]
    Off,
    /// Another test is in progress.
    #[error("another alert test is in progress")]
    Busy,
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
}

impl Alerts {
    fn new(
        board: watch::Receiver<Board>,
        tests: mpsc::Sender<oneshot::Sender<Tested>>,
        by_proxy: bool,
    ) -> Self {
        Self(Some(Handle {
            board,
            tests,
            by_proxy,
        }))
    }

    /// True if alerts go through the proxy; `None` without a receiver.
    #[must_use]
    pub fn is_by_proxy(&self) -> Option<bool> {
        self.0.as_ref().map(|handle| handle.by_proxy)
    }

    /// The status of alerting.
    #[must_use]
    pub fn board(&self) -> Board {
        let handle = self.0.as_ref();
        handle
            .map(|handle| handle.board.borrow().clone())
            .unwrap_or_default()
    }

    /// Delivers a test alert now, with a single attempt.
    ///
    /// # Errors
    /// See [`TestDenied`]. A rejection by the receiver is no error: it is in [`Tested`].
    pub async fn test(&self) -> Result<Tested, TestDenied> {
        let Handle { tests, .. } = self.0.as_ref().ok_or(TestDenied::Off)?;
        let (reply, tested) = oneshot::channel();
        tests.try_send(reply).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TestDenied::Busy,
            mpsc::error::TrySendError::Closed(_) => TestDenied::Stopping,
        })?;
        tested.await.map_err(|_| TestDenied::Stopping)
    }
}
