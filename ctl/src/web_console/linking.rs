//! The pairing on the console: the same as on the page of `pair --web`, one at a time, for all tabs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use openclaw_proto::v1::pair_request::How;
use openclaw_proto::v1::{PairRequest, QrMethod};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::act::read;
use crate::address::Address;
use crate::client;
use crate::failure::Failure;
use crate::pair::page::{Pages, Pairing};
use crate::stop::Stops;

/// The pairing of this console, if one was begun.
pub(super) struct Linking {
    current: Mutex<Option<Current>>,
    /// One request begins at a time.
    beginning: Semaphore,
}

struct Current {
    pages: Arc<Pages>,
    task: JoinHandle<()>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    /// Keep the link that works until the new one is complete.
    replace: bool,
}

impl Linking {
    pub(super) fn new() -> Self {
        Self {
            current: Mutex::default(),
            beginning: Semaphore::new(1),
        }
    }

    /// Begins a pairing, unless one is in progress here.
    pub(super) async fn start(&self, address: &Address, body: &Bytes) -> Result<(), Failure> {
        let Start { replace } = read(body)?;
        let _beginning = self.beginning.acquire().await.ok();
        if self.is_active() {
            return Ok(());
        }
        let agent = client::agent(address).await?;
        let request = PairRequest {
            how: Some(How::Qr(QrMethod {})),
            replace,
            ..PairRequest::default()
        };
        let mut stops = Stops::listen()?;
        let mut pairing = Pairing::new(agent, request, false, true);
        let pages = Arc::clone(pairing.pages());
        let task = tokio::spawn(async move {
            // The pages show how it ended.
            drop(pairing.run(None, &mut stops).await);
        });
        *self.current() = Some(Current { pages, task });
        Ok(())
    }

    /// Ends the pairing: the agent stops it when its stream is closed.
    pub(super) fn stop(&self) {
        if let Some(current) = self.current().take() {
            current.task.abort();
        }
    }

    /// What the pages of the pairing ask for, also after its end.
    pub(super) fn pages(&self) -> Option<Arc<Pages>> {
        self.current()
            .as_ref()
            .map(|current| Arc::clone(&current.pages))
    }

    fn is_active(&self) -> bool {
        let current = self.current();
        current
            .as_ref()
            .is_some_and(|current| !current.task.is_finished())
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
