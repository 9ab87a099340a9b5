//! Reads changes of the phone's app state (saved names, settings) that the library has skipped.
//!
//! A change is announced once. If the library is reading an earlier change of the same collection at that time, it skips the
//! announcement and reports that, but what it is reading may have been requested before the change was made, and nothing asks
//! again (whatsapp-rust 0.7.0, `src/client/app_state.rs:1445`). Other failures it repeats by itself.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use whatsapp_rust::client::Client;
use whatsapp_rust::sync_task::MajorSyncTask;
use whatsapp_rust::wacore::appstate::patch_decode::WAPatchName;

use super::lock;

/// The collections with skipped changes. There are five, each is contained once.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    collections: Mutex<Vec<WAPatchName>>,
    added: Notify,
}

impl Skipped {
    /// Adds collections by their names on the wire.
    pub(super) fn add(&self, names: &[String]) {
        let mut collections = lock(&self.collections);
        for name in names {
            let name = name.parse().unwrap_or(WAPatchName::Unknown);
            if name != WAPatchName::Unknown && !collections.contains(&name) {
                collections.push(name);
            }
        }
        self.added.notify_one();
    }

    /// Reads them while the client is logged in: each once the library is done with it.
    pub(super) async fn read(&self, client: &Arc<Client>) -> Infallible {
        loop {
            self.added.notified().await;
            while let Some(name) = self.take() {
                let task = MajorSyncTask::AppStateSync {
                    name,
                    full_sync: false,
                };
                client.process_sync_task(task).await;
            }
        }
    }

    fn take(&self) -> Option<WAPatchName> {
        lock(&self.collections).pop()
    }
}
