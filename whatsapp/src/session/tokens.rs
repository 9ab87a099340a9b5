//! What the first message to a person needs: a token, without which WhatsApp's server refuses it with 463.
//!
//! The library makes the token from the account's own salt, and only where the server's properties ask for it (whatsapp-rust
//! 0.7.0, `src/send/tctoken_lifecycle.rs`). The salt comes with the app state, seconds after an account was linked; the
//! properties are fetched anew by each process, and only once the backlog is here (`src/client/node_io.rs:1177`). The
//! library sends without a token rather than wait for either, so messages wait for them here, within bounds: an account may
//! have no salt.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use whatsapp_rust::client::Client;

use crate::store::Store;

/// How long after its first login a session without a salt may still get one.
const SALT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the server's properties may take, for each message that waits for them.
const PROPS_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The collection of the app state that the salt is in (the library's `src/client/app_state.rs:2578`).
const SALT_COLLECTION: &str = "regular_high";

/// Whether the library has what tokens are made of.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    logged_in: OnceLock<Instant>,
    props: OnceCell<()>,
}

impl Tokens {
    /// WhatsApp's `<success>` was seen.
    pub(super) fn logged_in(&self) {
        self.logged_in.get_or_init(Instant::now);
    }

    /// Returns when a message to a person may be sent, as far as tokens are concerned.
    pub(super) async fn ready(&self, client: &Client, store: &Store) {
        let fetched = self.props.get_or_try_init(|| async {
            match client.fetch_props().await {
                // The library has them, or it is the server that has none.
                Ok(()) => Ok(()),
                Err(_) if client.is_logged_in() => Ok(()),
                Err(error) => Err(error),
            }
        });
        if tokio::time::timeout(PROPS_TIMEOUT, fetched).await.is_err() {
            tracing::debug!("the server's properties are late");
        }
        let until = self.logged_in.get().map(|at| *at + SALT_TIMEOUT);
        while until.is_some_and(|until| Instant::now() < until)
            && client.is_logged_in()
            && !knows_salt(client, store).await
        {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Whether the salt is here, or what it would have come with.
async fn knows_salt(client: &Client, store: &Store) -> bool {
    let device = client.persistence_manager().get_device_snapshot();
    device.nct_salt.is_some() || store.has_app_state(SALT_COLLECTION).await
}
