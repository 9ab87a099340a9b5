//! Where the session's keys and ratchets live: the seam between WhatsApp's library and storage.
//!
//! In memory for now: a restart forgets the link, and the agent says so at its start.

pub mod baileys;

use std::sync::Arc;

use whatsapp_rust::traits::Backend;
use whatsapp_rust::wacore::store::InMemoryBackend;

/// One device's credentials and Signal state. Cloned handles share it.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
}

impl Store {
    /// An empty store that ends with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            backend: Arc::new(InMemoryBackend::new()),
        }
    }

    /// For the library.
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }
}

/// Credentials are inside.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
