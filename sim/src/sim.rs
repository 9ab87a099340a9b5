//! The simulator as a whole: starting, stopping, and what tests ask it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::adv;
use crate::fault::Fault;
use crate::link_code;
use crate::noise::Pattern;
use crate::number::{InvalidNumber, Number};
use crate::party;
use crate::peer::Peer;
use crate::phone::Phone;
use crate::queue::Class;
use crate::server;
use crate::state::Acked;
use crate::sync::lock;
use crate::verdict::Violation;

pub(crate) use crate::server::Shared;

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
        let shared = Arc::new(Shared::new(config));
        let task = tokio::spawn(server::run(Arc::clone(&shared), listener));
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

    /// Declares that people also write `number` as `spelling`: the server knows both, answers under `number`, and a message
    /// from there shows `number`. So it is with Brazil's ninth digit, Mexico's 1 and Argentina's 9.
    ///
    /// # Errors
    /// A number is malformed.
    pub fn spelling(&self, number: &str, spelling: &str) -> Result<(), Error> {
        let (number, spelling) = (number.parse()?, spelling.parse()?);
        lock(&self.shared.state).spellings.insert(spelling, number);
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

    /// How many stanzas the account's companions have still to ack.
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
        self.shared.handshakes(pattern)
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
