//! State that is shared by all parts of the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::state::State;
use crate::state::companion::SocketEnd;
use crate::state::config::Config;
use crate::state::error::Error;
use crate::state::link::Link;
use crate::state::verdict::Verdicts;
use crate::sync::lock;
use crate::wire::cert::Authority;
use crate::wire::noise::Pattern;
use crate::wire::tamper::Tamper;

/// The shared state of the server.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: Mutex<State>,
    pub(crate) verdicts: Mutex<Verdicts>,
    authority: Mutex<Arc<Authority>>,
    handshakes: Mutex<HashMap<Pattern, u64>>,
    /// Changes whenever something happened that a caller may wait for.
    changes: watch::Sender<u64>,
    next_link: AtomicU64,
    refuse: AtomicU32,
    restart: Notify,
    /// Changes to the stanzas that are sent to clients, for fuzzing.
    tamper: Arc<Mutex<Option<Tamper>>>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            state: Mutex::default(),
            verdicts: Mutex::default(),
            authority: Mutex::new(Arc::new(Authority::new())),
            handshakes: Mutex::default(),
            changes: watch::Sender::new(0),
            next_link: AtomicU64::new(1),
            refuse: AtomicU32::new(0),
            restart: Notify::new(),
            tamper: Arc::default(),
        }
    }

    pub(crate) fn new_link(&self) -> Arc<Link> {
        let id = self.next_link.fetch_add(1, Ordering::Relaxed);
        let link = Arc::new(Link::new(id, Arc::clone(&self.tamper)));
        lock(&self.state).links.insert(link.id, Arc::clone(&link));
        link
    }

    /// Removes all sockets, after their listener has closed.
    pub(crate) fn forget_sockets(&self) {
        let mut state = lock(&self.state);
        let links: Vec<u64> = state.links.keys().copied().collect();
        for link in links {
            state.unlink_socket(link, SocketEnd::Cut);
        }
    }

    pub(crate) fn tamper(&self, tamper: Option<Tamper>) {
        *lock(&self.tamper) = tamper;
    }

    pub(crate) fn authority(&self) -> Arc<Authority> {
        Arc::clone(&lock(&self.authority))
    }

    pub(crate) fn rotate_server_key(&self) {
        let mut authority = lock(&self.authority);
        *authority = Arc::new(authority.rotated());
    }

    pub(crate) fn count_handshake(&self, pattern: Pattern) {
        *lock(&self.handshakes).entry(pattern).or_default() += 1;
    }

    pub(crate) fn handshakes(&self, pattern: Pattern) -> u64 {
        let handshakes = lock(&self.handshakes);
        handshakes.get(&pattern).copied().unwrap_or(0)
    }

    pub(crate) fn refuse(&self, count: u32) {
        self.refuse.store(count, Ordering::SeqCst);
    }

    /// Whether to refuse this connection; each configured refusal applies once.
    pub(crate) fn take_refusal(&self) -> bool {
        let spend = |left: u32| left.checked_sub(1);
        self.refuse
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend)
            .is_ok()
    }

    pub(crate) fn request_restart(&self) {
        self.restart.notify_one();
    }

    pub(crate) async fn restart_requested(&self) {
        self.restart.notified().await;
    }

    /// Wakes all callers that wait for a change.
    pub(crate) fn announce(&self) {
        self.changes
            .send_modify(|change| *change = change.wrapping_add(1));
    }

    pub(crate) async fn until(
        &self,
        timeout: Duration,
        mut condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let mut changes = self.changes.subscribe();
        let holds = async {
            while !condition() {
                // The sender is in `self`.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(timeout, holds)
            .await
            .map_err(|_| Error::Timeout)
    }
}
