//! The simulator as a whole: starting, stopping, and what tests ask it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use wacore_binary::{JidExt as _, Node};

use crate::adv;
use crate::cert::Authority;
use crate::connection;
use crate::fault::Fault;
use crate::link::Link;
use crate::link_code;
use crate::noise::Pattern;
use crate::number::{InvalidNumber, Number};
use crate::party;
use crate::peer::Peer;
use crate::phone::Phone;
use crate::queue::Class;
use crate::stanza;
use crate::state::{Acked, State};
use crate::sync::lock;
use crate::verdict::{Verdicts, Violation};

/// How a simulator is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 is any free port.
    pub listen: SocketAddr,
    /// What `pair-success` says of the account: true makes companions address chats by LID.
    pub lid_migrated: bool,
    /// Whether the phone sends history to a newly linked companion, beside its keys.
    pub history: bool,
    /// Turns Noise IK down, so that every reconnect goes through XXfallback.
    pub refuse_ik: bool,
    /// How long a scan or a code waits for the companion.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            lid_migrated: true,
            history: true,
            refuse_ik: false,
            patience: Duration::from_secs(20),
        }
    }
}

/// What the simulator could not do for its caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listening socket.
    #[error("listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A number is malformed.
    #[error(transparent)]
    Number(#[from] InvalidNumber),
    /// The QR text, or a companion's signature.
    #[error(transparent)]
    Adv(#[from] adv::Error),
    /// A link code.
    #[error(transparent)]
    LinkCode(#[from] link_code::Error),
    /// No socket waits with this ref: it has expired, or was scanned before.
    #[error("no companion waits with this code: it has expired or was used")]
    UnknownRef,
    /// No socket has asked to be linked by code to this account.
    #[error("no companion waits for a code to be typed on this phone")]
    NoCodeRequest,
    /// The ref is right, and the keys beside it are another companion's.
    #[error("the code's keys are not those of the socket that has its ref")]
    ForeignQr,
    /// The companion answered without a signature.
    #[error("the companion did not sign its identity")]
    NotSigned,
    /// The companion went away.
    #[error("the companion's socket closed")]
    Disconnected,
    /// Nothing happened in time.
    #[error("timed out")]
    Timeout,
    /// The account has no companion that could be unlinked.
    #[error("no such linked device")]
    NotLinked,
    /// No group has this JID.
    #[error("no group {0}")]
    NoGroup(String),
    /// The number was declared not to be on WhatsApp.
    #[error("{0} is not on WhatsApp")]
    NotOnWhatsApp(String),
    /// A message could not be encrypted.
    #[error("encrypt")]
    Encrypt(#[from] party::Error),
}

/// A running simulator. Dropping it closes every socket.
pub struct Sim {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A stanza that a companion still has to ack.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Owed {
    /// Which companion.
    pub device: u16,
    /// What kind of stanza.
    pub class: Class,
    /// Its id.
    pub id: String,
    /// Who it came from: the digits of a number, or a group's id and the digits.
    pub from: String,
}

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

impl Sim {
    /// Binds and serves until dropped.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let asked = config.listen;
        let listen = |source| Error::Listen(asked, source);
        let listener = TcpListener::bind(asked).await.map_err(listen)?;
        let mut config = config;
        config.listen = listener.local_addr().map_err(listen)?;
        let shared = Arc::new(Shared {
            config,
            state: Mutex::default(),
            verdicts: Mutex::default(),
            authority: Mutex::new(Arc::new(Authority::new())),
            handshakes: Mutex::default(),
            changes: watch::Sender::new(0),
            next_link: AtomicU64::new(1),
            refuse: AtomicU32::new(0),
            restart: Notify::new(),
        });
        let task = tokio::spawn(accept(Arc::clone(&shared), listener));
        Ok(Self { shared, task })
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("ws://{}/ws/chat", self.shared.config.listen)
    }

    /// The listening address.
    pub fn address(&self) -> SocketAddr {
        self.shared.config.listen
    }

    /// The root key of the certificate chain, for clients that can be told to trust another one.
    pub fn root_key(&self) -> [u8; 32] {
        self.shared.authority().root_public()
    }

    /// The phone of an account, made on first use.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn phone(&self, number: &str) -> Result<Phone, Error> {
        Ok(Phone::new(Arc::clone(&self.shared), number.parse()?))
    }

    /// The phone that the socket behind a QR code asks for: the account whose number is its push name, else
    /// `+15550100001`. For demonstrations, in which nobody says whose phone scans.
    ///
    /// # Errors
    /// The code is malformed or no socket waits with it.
    pub fn phone_named_by(&self, qr: &str) -> Result<Phone, Error> {
        let reference = qr.parse::<adv::QrPayload>()?.reference;
        let name = self.shared.push_name_of(&reference)?;
        let number = name.and_then(|name| name.parse().ok());
        let number = number.map_or_else(|| "+15550100001".parse(), Ok)?;
        Ok(Phone::new(Arc::clone(&self.shared), number))
    }

    /// A contact, made on first use. A number may be phone and contact at once.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn peer(&self, number: &str) -> Result<Peer, Error> {
        Ok(Peer::new(Arc::clone(&self.shared), number.parse()?))
    }

    /// Declares that nobody on WhatsApp has this number.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn unknown(&self, number: &str) -> Result<(), Error> {
        lock(&self.shared.state).unknown.insert(number.parse()?);
        Ok(())
    }

    /// Brings a fault about for everybody.
    pub async fn fault(&self, fault: Fault) {
        self.shared.strike_and_settle(None, fault).await;
    }

    /// Brings a fault about for one account.
    ///
    /// # Errors
    /// The number is malformed.
    pub async fn fault_for(&self, account: &str, fault: Fault) -> Result<(), Error> {
        let number: Number = account.parse()?;
        self.shared.strike_and_settle(Some(&number), fault).await;
        Ok(())
    }

    /// What the account's companions have acked, in order.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn acks(&self, account: &str) -> Result<Vec<Acked>, Error> {
        let number: Number = account.parse()?;
        let state = lock(&self.shared.state);
        let user = state.users.get(&number);
        Ok(user.map(|user| user.acked.clone()).unwrap_or_default())
    }

    /// What the account's companions have still to ack, oldest first.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn queue(&self, account: &str) -> Result<Vec<Owed>, Error> {
        let number: Number = account.parse()?;
        let state = lock(&self.shared.state);
        let companions = state
            .users
            .get(&number)
            .into_iter()
            .flat_map(|user| &user.companions);
        let mut owed = Vec::new();
        for (device, companion) in companions {
            owed.extend(companion.queue.iter().map(|item| Owed {
                device: *device,
                class: item.class,
                id: item.id.clone(),
                from: item.origin.clone(),
            }));
        }
        Ok(owed)
    }

    /// Every rule that a client broke.
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.shared.verdicts).violations().to_vec()
    }

    /// How many times a rule was checked.
    pub fn checks(&self) -> u64 {
        lock(&self.shared.verdicts).checks()
    }

    /// How many handshakes of a kind were completed.
    pub fn handshakes(&self, pattern: Pattern) -> u64 {
        lock(&self.shared.handshakes)
            .get(&pattern)
            .copied()
            .unwrap_or(0)
    }

    /// The numbers of all accounts and contacts so far.
    pub fn numbers(&self) -> Vec<String> {
        let state = lock(&self.shared.state);
        let mut numbers: Vec<String> = state.users.keys().map(Number::to_string).collect();
        numbers.sort();
        numbers
    }

    /// Waits until a condition over the simulator holds. It is asked again after every change.
    ///
    /// # Errors
    /// The condition did not come to hold in time.
    pub async fn until(
        &self,
        patience: Duration,
        condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        self.shared.until(patience, condition).await
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // The connections are in the task's JoinSet, and end with it.
        self.task.abort();
    }
}

async fn accept(shared: Arc<Shared>, mut listener: TcpListener) {
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
    async fn strike_and_settle(&self, account: Option<&Number>, fault: Fault) {
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
        if !chat.is_group() {
            return digits(&chat);
        }
        let member = stanza::jid(node, "participant");
        let member = member.as_ref().map(digits).unwrap_or_default();
        format!("{}/{member}", chat.user)
    }
}
