//! Delays messages to people until the library can make their privacy token, without which WhatsApp's server refuses the
//! first message to a person with 463.
//!
//! The library derives the token from the account's salt, and only if the server's properties require one (whatsapp-rust
//! 0.7.0, `src/send/tctoken_lifecycle.rs`). The salt arrives with the app state, seconds after an account was linked; each
//! process fetches the properties again, and only after the backlog has arrived (`src/client/node_io.rs:1177`). The library
//! does not wait for either, and sends without a token. So messages wait here, for a limited time: an account may have no
//! salt.
//!
//! An imported account has its app state without the salt, because Baileys does not keep that. The library fetches only what
//! has changed since then, so the collection with the salt is fetched once more as a whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use whatsapp_rust::client::Client;
use whatsapp_rust::sync_task::MajorSyncTask;
use whatsapp_rust::wacore::appstate::patch_decode::WAPatchName;

use crate::store::Store;

/// How long to wait for the salt after the first login of a session, and again for a collection that is fetched as a whole.
const SALT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long each message waits for the server's properties.
const PROPS_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The app state collection that contains the salt (the library's `src/client/app_state.rs:2578`).
const SALT_COLLECTION: WAPatchName = WAPatchName::RegularHigh;

/// Tracks whether the library has the salt and the properties.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    logged_in: OnceLock<Instant>,
    props: OnceCell<()>,
    /// Whether this session has fetched the salt's collection as a whole.
    refetched: AtomicBool,
}

impl Tokens {
    /// Records the first login (`<success>`).
    pub(super) fn logged_in(&self) {
        self.logged_in.get_or_init(Instant::now);
    }

    /// Returns when the token of a message can be made, or the time limits are over.
    pub(super) async fn ready(&self, client: &Arc<Client>, store: &Store) {
        let fetched = self.props.get_or_try_init(|| async {
            match client.fetch_props().await {
                Ok(()) => Ok(()),
                // Still logged in: the server has no properties, so there is nothing to wait for.
                Err(_) if client.is_logged_in() => Ok(()),
                Err(error) => Err(error),
            }
        });
        if tokio::time::timeout(PROPS_TIMEOUT, fetched).await.is_err() {
            tracing::debug!("server properties not fetched in time");
        }
        let until = self.logged_in.get().map(|at| *at + SALT_TIMEOUT);
        while until.is_some_and(|until| Instant::now() < until)
            && client.is_logged_in()
            && !has_salt(client)
            && !store.has_app_state(SALT_COLLECTION.as_str()).await
        {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        if client.is_logged_in()
            && !has_salt(client)
            && !self.refetched.swap(true, Ordering::Relaxed)
        {
            store.forget_app_state(SALT_COLLECTION.as_str());
            let fetched = client.process_sync_task(MajorSyncTask::AppStateSync {
                name: SALT_COLLECTION,
                full_sync: true,
            });
            if tokio::time::timeout(SALT_TIMEOUT, fetched).await.is_err() {
                tracing::debug!("salt for privacy tokens not fetched in time");
            }
        }
    }
}

fn has_salt(client: &Client) -> bool {
    let device = client.persistence_manager().get_device_snapshot();
    device.nct_salt.is_some()
}
