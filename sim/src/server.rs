//! The listener, and what all parts of the server have in common.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use wacore_binary::{JidExt as _, Node, Server};

use crate::cert::Authority;
use crate::connection;
use crate::fault::Fault;
use crate::link::Link;
use crate::noise::Pattern;
use crate::number::Number;
use crate::sim::{Config, Error};
use crate::stanza;
use crate::state::State;
use crate::sync::lock;
use crate::verdict::Verdicts;

/// What the server's parts have in common.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: Mutex<State>,
    pub(crate) verdicts: Mutex<Verdicts>,
    authority: Mutex<Arc<Authority>>,
    handshakes: Mutex<HashMap<Pattern, u64>>,
    /// Moves whenever something happened that somebody may wait for.
    changes: watch::Sender<u64>,
    next_link: AtomicU64,
    refuse: AtomicU32,
    restart: Notify,
}

/// Accepts connections until dropped; a restart is a new listener on the same port.
pub(crate) async fn run(shared: Arc<Shared>, mut listener: TcpListener) {
    loop {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((tcp, _)) => shared.admit_tcp(tcp, &mut connections),
                    Err(error) => tracing::warn!(%error, "accept"),
                },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                () = shared.restart.notified() => break,
            }
        }
        drop(listener);
        connections.shutdown().await;
        shared.forget_sockets();
        match TcpListener::bind(shared.config.listen).await {
            Ok(again) => listener = again,
            Err(error) => {
                tracing::error!(%error, "cannot listen again");
                return;
            }
        }
        shared.announce();
    }
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
        }
    }

    fn admit_tcp(self: &Arc<Self>, tcp: TcpStream, connections: &mut JoinSet<()>) {
        let spend = |left: u32| left.checked_sub(1);
        if self
            .refuse
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend)
            .is_ok()
        {
            tracing::info!("connection refused on command");
            return;
        }
        connections.spawn(connection::serve(Arc::clone(self), tcp));
    }

    pub(crate) fn new_link(&self) -> Arc<Link> {
        let link = Arc::new(Link::new(self.next_link.fetch_add(1, Ordering::Relaxed)));
        lock(&self.state).links.insert(link.id, Arc::clone(&link));
        link
    }

    fn forget_sockets(&self) {
        let mut state = lock(&self.state);
        let links: Vec<u64> = state.links.keys().copied().collect();
        for link in links {
            state.unlink_socket(link);
        }
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

    pub(crate) fn request_restart(&self) {
        self.restart.notify_one();
    }

    /// Tells whoever waits that something happened.
    pub(crate) fn announce(&self) {
        self.changes
            .send_modify(|change| *change = change.wrapping_add(1));
    }

    pub(crate) async fn until(
        &self,
        patience: Duration,
        mut condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let mut changes = self.changes.subscribe();
        let holds = async {
            while !condition() {
                // The sender is in `self`.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(patience, holds)
            .await
            .map_err(|_| Error::Timeout)
    }

    /// A fault, and for those that end sockets, the wait until they are gone.
    pub(crate) async fn strike_and_settle(&self, account: Option<&Number>, fault: Fault) {
        let cuts = matches!(fault, Fault::Drop | Fault::Restart);
        let before: Vec<u64> = {
            let state = lock(&self.state);
            let links = if cuts {
                state.links_of(account)
            } else {
                Vec::new()
            };
            links.iter().map(|link| link.id).collect()
        };
        self.strike(account, fault);
        let gone = || {
            let state = lock(&self.state);
            !before.iter().any(|link| state.links.contains_key(link))
        };
        if self.until(self.config.patience, gone).await.is_err() {
            tracing::error!("sockets outlive the fault that ends them");
        }
    }

    /// Who a stanza is from or to, in the spelling of [`crate::queue::Item::origin`].
    pub(crate) fn origin(&self, state: &State, node: &Node, name: &str) -> String {
        let Some(chat) = stanza::jid(node, name) else {
            return String::new();
        };
        let digits = |jid| match state.resolve(jid) {
            Some((number, _)) => number.digits().to_owned(),
            None => jid.to_non_ad_string(),
        };
        if !chat.is_group() && chat.server != Server::Broadcast {
            return digits(&chat);
        }
        let member = stanza::jid(node, "participant");
        let member = member.as_ref().map(digits).unwrap_or_default();
        format!("{}/{member}", chat.user)
    }
}
