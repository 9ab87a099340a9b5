//! The simulator: starts, stops, and offers queries to tests.

pub(crate) mod call;
pub mod camera;
pub(crate) mod group;
pub(crate) mod hosted;
pub(crate) mod notice;
pub(crate) mod numbers;
pub(crate) mod passkey;
pub(crate) mod peer;
pub(crate) mod phone;
pub(crate) mod presence;
pub(crate) mod profile;
pub(crate) mod restrictions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::number::Number;
use crate::rules::pairing;
use crate::server::{self, media, strike};
use crate::signal::adv;
use crate::sim::peer::Peer;
use crate::sim::phone::Phone;
use crate::state::config::Config;
use crate::state::error::Error;
use crate::state::fault::Fault;
use crate::state::queue::Class;
use crate::state::shared::Shared;
use crate::state::user::Acked;
use crate::state::verdict::Violation;
use crate::sync::lock;
use crate::wire::noise::Pattern;
use crate::wire::tamper::Tamper;

/// A running simulator. Dropping it closes all sockets.
pub struct Sim {
    shared: Arc<Shared>,
    /// `None` without a listener.
    _listening: Option<Listening>,
}

/// The tasks that serve the simulator's sockets.
struct Listening {
    task: JoinHandle<()>,
    /// Dropping it stops the media host.
    _media: oneshot::Sender<()>,
}

/// A stanza that a companion has not acked yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Owed {
    /// The companion.
    pub device: u16,
    /// The stanza's class.
    pub class: Class,
    /// The stanza's id.
    pub id: String,
    /// The sender: the digits of a number, or a group's id and the digits.
    pub from: String,
}

impl Sim {
    /// Binds and serves until dropped.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let mut config = config;
        let (listener, host);
        (listener, config.listen) = bind(config.listen).await?;
        (host, config.media_listen) = bind(config.media_listen).await?;
        let shared = Arc::new(Shared::new(config));
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(media::run(Arc::clone(&shared), host, stopped));
        let task = tokio::spawn(server::run(Arc::clone(&shared), listener));
        let listening = Listening { task, _media: stop };
        Ok(Self {
            shared,
            _listening: Some(listening),
        })
    }

    /// Serves only clients of the same process, over [`Sim::connect`], without a socket.
    pub fn without_listener(config: Config) -> Self {
        Self {
            shared: Arc::new(Shared::new(config)),
            _listening: None,
        }
    }

    /// Opens an in-process connection, on which the client writes WebSocket frames. Must be called within tokio's
    /// runtime.
    pub fn connect(&self) -> DuplexStream {
        server::connect(&self.shared)
    }

    /// Corrupts everything sent to clients from now on, according to a program; `None` stops that.
    pub fn tamper(&self, tamper: Option<Tamper>) {
        self.shared.tamper(tamper);
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The WebSocket URL for clients.
    pub fn url(&self) -> String {
        format!("ws://{}/ws/chat", self.shared.config.listen)
    }

    /// The `http://` URL of the media host, which `media_conn` reports as the host.
    pub fn media_url(&self) -> String {
        format!("http://{}", self.shared.config.media_listen)
    }

    /// The listening address.
    pub fn address(&self) -> SocketAddr {
        self.shared.config.listen
    }

    /// The root key of the certificate chain, for clients whose trusted key can be configured.
    pub fn root_key(&self) -> [u8; 32] {
        self.shared.authority().root_public()
    }

    /// The phone of an account. The account is created on first use.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn phone(&self, number: &str) -> Result<Phone, Error> {
        Ok(Phone::new(Arc::clone(&self.shared), number.parse()?))
    }

    /// The phone for the socket behind a QR code: the account whose number is the socket's push name, else
    /// `+15550100001`. For demonstrations, in which the caller does not choose an account.
    ///
    /// # Errors
    /// The code is malformed or no socket waits with it.
    pub fn phone_named_by(&self, qr: &str) -> Result<Phone, Error> {
        let reference = qr.parse::<adv::QrPayload>()?.reference;
        let name = pairing::push_name_of(&self.shared, &reference)?;
        let number = name.and_then(|name| name.parse().ok());
        let number = number.map_or_else(|| "+15550100001".parse(), Ok)?;
        Ok(Phone::new(Arc::clone(&self.shared), number))
    }

    /// A contact, created on first use. A number may be an account and a contact at once.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn peer(&self, number: &str) -> Result<Peer, Error> {
        Ok(Peer::new(Arc::clone(&self.shared), number.parse()?))
    }

    /// Marks this number as not on WhatsApp.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn unknown(&self, number: &str) -> Result<(), Error> {
        lock(&self.shared.state).unknown.insert(number.parse()?);
        Ok(())
    }

    /// Declares `spelling` as another spelling of `number`: the server accepts both and answers with `number`, and a
    /// message from there shows `number`. This is the case for Brazil's ninth digit, Mexico's 1 and Argentina's 9.
    ///
    /// # Errors
    /// A number is malformed.
    pub fn spelling(&self, number: &str, spelling: &str) -> Result<(), Error> {
        let (number, spelling) = (number.parse()?, spelling.parse()?);
        lock(&self.shared.state).spellings.insert(spelling, number);
        Ok(())
    }

    /// Injects a fault for all accounts.
    pub async fn fault(&self, fault: Fault) {
        strike::strike_and_settle(&self.shared, None, fault).await;
    }

    /// Injects a fault for one account.
    ///
    /// # Errors
    /// The number is malformed.
    pub async fn fault_for(&self, account: &str, fault: Fault) -> Result<(), Error> {
        let number: Number = account.parse()?;
        strike::strike_and_settle(&self.shared, Some(&number), fault).await;
        Ok(())
    }

    /// The acks of the account's companions, in order.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn acks(&self, account: &str) -> Result<Vec<Acked>, Error> {
        let number: Number = account.parse()?;
        let state = lock(&self.shared.state);
        let user = state.users.get(&number);
        Ok(user.map(|user| user.acked.clone()).unwrap_or_default())
    }

    /// The stanzas that the account's companions have not acked yet, oldest first.
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

    /// The number of stanzas that the account's companions have not acked yet.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn owed(&self, account: &str) -> Result<usize, Error> {
        let number: Number = account.parse()?;
        let state = lock(&self.shared.state);
        let user = state.users.get(&number).into_iter();
        let companions = user.flat_map(|user| user.companions.values());
        Ok(companions.map(|companion| companion.queue.len()).sum())
    }

    /// All violations: the rules that clients broke.
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.shared.verdicts).violations().to_vec()
    }

    /// The number of rule checks.
    pub fn checks(&self) -> u64 {
        lock(&self.shared.verdicts).checks()
    }

    /// The number of completed handshakes of a kind.
    pub fn handshakes(&self, pattern: Pattern) -> u64 {
        self.shared.handshakes(pattern)
    }

    /// The numbers of all existing accounts and contacts.
    pub fn numbers(&self) -> Vec<String> {
        let state = lock(&self.shared.state);
        let mut numbers: Vec<String> = state.users.keys().map(Number::to_string).collect();
        numbers.sort();
        numbers
    }

    /// Waits until a condition is true. It is checked after every change.
    ///
    /// # Errors
    /// The time limit was exceeded.
    pub async fn until(
        &self,
        timeout: Duration,
        condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        self.shared.until(timeout, condition).await
    }
}

/// Binds a listener, and returns its address as well.
async fn bind(asked: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listen = |source| Error::Listen(asked, source);
    let listener = TcpListener::bind(asked).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    Ok((listener, address))
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The connections are in the task's JoinSet, and are dropped with it.
        self.task.abort();
    }
}
