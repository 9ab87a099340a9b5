//! Notifies someone outside when the link needs a person: over a webhook, signed, at least once, and never with a
//! message's text or a whole number.
//!
//! ```text
//! bell    the task that does it            body, signature, post   one attempt
//! ```
//!
//! Which states raise an alert, and the delivery queue, are in [`openclaw_state::alerts`].

mod bell;
mod body;
mod post;
mod settings;
mod signature;

use openclaw_state::alerts::{Board, Tested};
use tokio::sync::{mpsc, oneshot, watch};

pub use bell::Bell;
pub use settings::{Address, BadAddress, Error, Format, KeyPlace, SECRET, SECRETS, Settings, URL};
pub use signature::{BadKey, SigningKey};

/// A handle on alerting. Cloned handles are the same; the default one notifies no one.
#[derive(Clone, Debug, Default)]
pub struct Alerts(Option<Handle>);

#[derive(Clone, Debug)]
struct Handle {
    board: watch::Receiver<Board>,
    tests: mpsc::Sender<oneshot::Sender<Tested>>,
    by_proxy: bool,
}

/// There is no test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TestDenied {
    /// No receiver is set.
    #[error("no alert receiver is configured")]
    Off,
    /// Another test is underway.
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

    /// Whether they go through the proxy of the environment; `None` where no receiver is set.
    #[must_use]
    pub fn is_by_proxy(&self) -> Option<bool> {
        self.0.as_ref().map(|handle| handle.by_proxy)
    }

    /// How alerting is now.
    #[must_use]
    pub fn board(&self) -> Board {
        let handle = self.0.as_ref();
        handle
            .map(|handle| handle.board.borrow().clone())
            .unwrap_or_default()
    }

    /// Delivers a test alert now, once.
    ///
    /// # Errors
    /// See [`TestDenied`]. That the receiver did not take it is none of them.
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
