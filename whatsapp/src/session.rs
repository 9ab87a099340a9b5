//! One set of credentials and its connections to WhatsApp: dial, log in, notice silence, tell why
//! a connection ended. Whether and when to connect again is decided elsewhere.
//!
//! `session` and `store` are the only modules that name WhatsApp's library.

mod backlog;
mod compose;
mod dial;
mod expiry;
mod gate;
mod inbound;
mod names;
mod order;
mod outbound;
mod recipients;
mod recover;
mod resend;
mod resume;
mod runtime;
mod secret;
mod silence;
mod time;
mod tokens;
mod translate;
mod verdict;

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use openclaw_state::admission::Admission;
use openclaw_state::clock;
use openclaw_state::journal::Journal;
use openclaw_state::outbox::Outbox;
use openclaw_state::traffic::Traffic;
use openclaw_types::{Lid, Phone};
use tokio::sync::{Notify, mpsc};
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::client::{Client, NodeFilter};
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::wacore::store::DevicePropsOverride;
use whatsapp_rust::waproto::whatsapp::device_props::PlatformType;
use whatsapp_rust::{CacheConfig, RawNodeLease};

use crate::store::Store;

#[cfg(feature = "sim")]
pub use dial::InProcess;
pub use dial::{Endpoint, EndpointError};
pub use names::{MAX_NUMBERS_PER_QUERY, Named, QueryError};
pub use outbound::new_message_id;
pub use secret::Secret;
pub use time::keep_time;
pub use verdict::Loss;

/// The name shown on the phone under Linked devices.
pub const DEVICE_NAME: &str = "OpenClaw";

/// How many reports may wait for the owner: more than one connection ever makes.
const MAX_QUEUED_REPORTS: usize = 64;

/// What a session needs.
#[derive(Clone, Debug)]
pub struct Setup {
    /// WhatsApp, or the simulator.
    pub endpoint: Endpoint,
    /// The longest silence on a connection that is still called connected.
    pub keepalive_limit: Duration,
    /// How long a connection must last before the agent calls itself ready.
    pub ready_after: Duration,
    /// Where events go.
    pub journal: Arc<Journal>,
    /// Where the outcomes of sends go.
    pub outbox: Arc<Outbox>,
    /// What has passed so far.
    pub traffic: Arc<Traffic>,
    /// Whose messages are allowed.
    pub admission: Arc<Admission>,
}

/// What a session reports to its owner while it runs.
#[derive(Debug)]
pub enum Report {
    /// A QR code to show.
    Qr {
        /// What a phone reads.
        payload: Secret,
        /// For how long WhatsApp accepts it.
        valid: Duration,
    },
    /// A code to type on the phone.
    PhoneCode {
        /// Eight characters.
        code: Secret,
        /// For how long the phone accepts it.
        valid: Duration,
    },
    /// The code no longer works; another may be asked for.
    PhoneCodeSpent,
    /// WhatsApp asks for a passkey: request options as JSON.
    PasskeyRequest(Secret),
    /// The code to compare during the passkey ceremony.
    PasskeyConfirmation(Secret),
    /// The phone accepted, and that is stored.
    Accepted {
        /// The account's number.
        phone: Phone,
        /// Its LID, if known yet.
        lid: Option<Lid>,
    },
    /// The pairing was refused, or failed to verify.
    PairingRefused(Refusal),
    /// WhatsApp's `<success>` was seen on this connection.
    LoggedIn,
    /// When WhatsApp will stop accepting this version of the client: as announced, or no longer announced.
    Expires(Option<SystemTime>),
    /// Nothing was heard for longer than the keepalive limit; the connection is being given up.
    Silent,
    /// The connection ended. The last report of a connection.
    Ended(Loss),
}

impl Report {
    /// As a log names it: without what it carries, which may be secret.
    const fn name(&self) -> &'static str {
        match self {
            Self::Qr { .. } => "qr",
            Self::PhoneCode { .. } => "phone_code",
            Self::PhoneCodeSpent => "phone_code_spent",
            Self::PasskeyRequest(_) => "passkey_request",
            Self::PasskeyConfirmation(_) => "passkey_confirmation",
            Self::Accepted { .. } => "accepted",
            Self::PairingRefused(_) => "pairing_refused",
            Self::LoggedIn => "logged_in",
            Self::Expires(_) => "expires",
            Self::Silent => "silent",
            Self::Ended(_) => "ended",
        }
    }
}

/// Why WhatsApp or the phone did not link us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// By WhatsApp's server.
    Server,
    /// What one side signed did not verify at the other.
    Verification,
    /// The passkey ceremony failed.
    Passkey,
    /// The new credentials could not be stored.
    Storage,
}

/// The session could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WhatsApp session")]
pub struct OpenError(#[source] whatsapp_rust::bot::BotBuilderError);

/// A session. Cloned handles are the same session; it ends when [`Session::close`] is called.
#[derive(Clone)]
pub struct Session {
    client: Arc<Client>,
    dialled: Arc<dial::Outcome>,
    recipients: Arc<recipients::Recipients>,
    tokens: Arc<tokens::Tokens>,
    store: Store,
}

/// Makes a session's connections, one at a time.
pub struct Driver {
    session: Session,
    reports: mpsc::Sender<Report>,
    seen: Arc<Seen>,
    keepalive_limit: Duration,
    turns: Arc<runtime::Turns>,
    /// Each stanza is counted when it arrives, for as long as this is held: see [`backlog`].
    _stanzas: RawNodeLease,
    /// The library's workers, started with the first connection and stopped with the driver.
    bot: Workers,
}

enum Workers {
    Idle(Box<Bot>),
    Started(BotHandle),
    Gone,
}

/// What the library's event handler, which may not wait, leaves for the driver.
#[derive(Debug, Default)]
struct Seen {
    /// The phone has accepted: store that, then report it.
    accepted: Notify,
    /// The library has announced us as available: take that back, or the phone goes silent.
    announced: Notify,
    /// Why the connection is about to end: the first reason that was given.
    loss: Mutex<Option<Loss>>,
}

impl Seen {
    fn ends(&self, why: Loss) {
        lock(&self.loss).get_or_insert(why);
    }
}

impl Session {
    /// Prepares a session over `store` without connecting.
    pub async fn open(
        setup: &Setup,
        store: &Store,
    ) -> Result<(Self, Driver, mpsc::Receiver<Report>), OpenError> {
        let (reports, receiver) = mpsc::channel(MAX_QUEUED_REPORTS);
        let seen = Arc::<Seen>::default();
        let dialled = Arc::new(dial::Outcome::default());
        let gate = Arc::new(gate::Gate::default());
        let vault = store.vault().clone();
        let turns = Arc::new(runtime::Turns::new(vault.clone()));
        let backlog = Arc::new(backlog::Backlog::new(vault, Arc::clone(&turns)));
        let recipients = Arc::default();
        let inbound = inbound::Inbound::new(
            setup,
            store.clone(),
            reports.downgrade(),
            Arc::clone(&seen),
            Arc::clone(&gate),
            Arc::clone(&backlog),
            Arc::clone(&recipients),
        );
        let dialer = dial::Dialer {
            endpoint: setup.endpoint.clone(),
            outcome: Arc::clone(&dialled),
            gate: Arc::clone(&gate),
            backlog: Arc::clone(&backlog),
        };
        let props = DevicePropsOverride::new()
            .with_os(DEVICE_NAME)
            .with_platform_type(PlatformType::CHROME);
        let mut builder = Bot::builder()
            .with_backend_arc(store.backend())
            .with_transport_factory(dialer)
            .with_http_client(dial::Http::new(Arc::clone(&dialled)))
            .with_runtime(runtime::Paced::new(Arc::clone(&turns)))
            .with_cache_config(caches())
            .with_device_props(props)
            .with_inbound_durability_hook(inbound.clone())
            .with_event_handler(inbound.clone())
            .skip_history_sync();
        if let Some(version) = setup.endpoint.client_version() {
            builder = builder.with_version(version);
        }
        let bot = builder.build().await.map_err(OpenError)?;
        let client = bot.client();
        store.attach(&client);
        gate.attach(&client);
        backlog.attach(&client);
        inbound.restore();
        recover::recover(&client, store, setup, &inbound).await;
        let session = Self {
            client,
            dialled,
            recipients,
            tokens: Arc::default(),
            store: store.clone(),
        };
        // One run is one connection: when to try again is the owner's decision.
        session
            .client
            .enable_auto_reconnect
            .store(false, Ordering::Relaxed);
        let driver = Driver {
            session: session.clone(),
            reports,
            seen,
            keepalive_limit: setup.keepalive_limit,
            turns,
            _stanzas: session.client.acquire_raw_node_forwarding(),
            bot: Workers::Idle(Box::new(bot)),
        };
        Ok((session, driver, receiver))
    }

    /// The account, once a phone has accepted this device.
    #[must_use]
    pub fn account(&self) -> Option<(Phone, Option<Lid>)> {
        let phone = Phone::of_digits(&self.client.pn()?.user)?;
        Some((phone, self.client.lid().and_then(|lid| Lid::new(&lid.user))))
    }

    /// When the last frame arrived on the present connection, in the agent's time.
    #[must_use]
    pub fn last_frame(&self) -> Option<SystemTime> {
        match self.client.stats().last_data_received_ms {
            0 => None,
            ms => Some(clock::from_protocol(
                SystemTime::UNIX_EPOCH + Duration::from_millis(ms),
            )),
        }
    }

    /// What the last dial failed with. Holds no secret.
    #[must_use]
    pub fn dial_error(&self) -> Option<String> {
        self.dialled.error()
    }

    /// Asks for a code to type on the phone, on the connection that is being made. The code is
    /// reported, and so is a refusal.
    pub fn request_phone_code(&self, phone: Phone) {
        const SOCKET_TIMEOUT: Duration = Duration::from_secs(20);
        let client = Arc::clone(&self.client);
        // Ends by itself: with the code, a refusal, or the socket that never came.
        tokio::spawn(async move {
            if client.wait_for_socket(SOCKET_TIMEOUT).await.is_ok() {
                let phone_number = phone.digits().to_owned();
                let options = PairCodeOptions {
                    phone_number,
                    ..Default::default()
                };
                let _ = client.pair_with_code(options).await;
            }
        });
    }

    /// Asks WhatsApp to remove this device. True when WhatsApp confirmed.
    pub async fn deregister(&self) -> bool {
        use whatsapp_rust::wacore::iq::devices::RemoveCompanionDeviceSpec;
        let Some(jid) = self.client.pn() else {
            return false;
        };
        if !self.client.is_logged_in() {
            return false;
        }
        // The server also closes the stream, saying that the device was removed, and the library
        // may see that before the answer.
        let removed = self
            .client
            .wait_for_node(NodeFilter::tag("stream:error").attr("code", "401"));
        let request = RemoveCompanionDeviceSpec::new(&jid);
        let answered = self.client.execute(request).await.is_ok();
        answered || matches!(removed.now_or_never(), Some(Ok(_)))
    }

    /// Stores what the phone has accepted.
    async fn accepted(&self) -> Report {
        let stored = self.client.persistence_manager().flush().await;
        match (stored, self.account()) {
            (Ok(()), Some((phone, lid))) => Report::Accepted { phone, lid },
            (Err(_), _) => Report::PairingRefused(Refusal::Storage),
            (Ok(()), None) => Report::PairingRefused(Refusal::Verification),
        }
    }

    /// Takes back that we are available. Without a push name nothing was announced, and nothing can be taken back.
    async fn withdraw(&self) {
        let _ = self.client.presence().set_unavailable().await;
    }

    /// Ends the session: what is buffered is flushed, the socket closed. It cannot connect again.
    pub async fn close(&self) {
        self.client.disconnect().await;
    }
}

impl Driver {
    /// Makes one connection and stays until it has ended. Reports as it goes; the last report is
    /// [`Report::Ended`].
    pub async fn connect(&mut self) {
        let Self {
            session,
            reports,
            seen,
            keepalive_limit,
            turns,
            bot,
            _stanzas: _,
        } = self;
        let client = &session.client;
        session.dialled.reset();
        let mut success = client.wait_for_node(NodeFilter::tag("success")).fuse();
        let restart = client.wait_for_node(NodeFilter::tag("stream:error").attr("code", "515"));
        let mut silence = pin!(silence::noticed(session, *keepalive_limit).fuse());
        let mut resume = pin!(resume::pull(client, turns).fuse());
        let mut logged_in = false;
        let mut run = pin!(run(client, bot));
        loop {
            tokio::select! {
                biased;
                () = seen.accepted.notified() => send_report(reports, session.accepted().await).await,
                () = seen.announced.notified() => session.withdraw().await,
                Ok(_) = &mut success => {
                    logged_in = true;
                    session.tokens.logged_in();
                    send_report(reports, Report::LoggedIn).await;
                }
                () = &mut resume, if logged_in => {}
                () = &mut silence => {
                    seen.ends(Loss::Connection);
                    send_report(reports, Report::Silent).await;
                    client.reconnect_immediately().await;
                }
                () = &mut run => break,
            }
        }
        // The library's handlers run before its run returns: nothing comes after this.
        if seen.accepted.notified().now_or_never().is_some() {
            send_report(reports, session.accepted().await).await;
        }
        // That we are available has ended with the connection.
        let _ = seen.announced.notified().now_or_never();
        let restarts = matches!(restart.now_or_never(), Some(Ok(_)));
        let loss = match lock(&seen.loss).take() {
            // What the library says of the same end is less precise.
            None | Some(Loss::Connection) if restarts => Loss::Restart,
            Some(loss) => loss,
            None if session.dialled.made() => Loss::Connection,
            None => Loss::Unreachable,
        };
        send_report(reports, Report::Ended(loss)).await;
    }
}

/// As the library has them, but for the tasks that it keeps for chats that are silent, 9 KiB each, and for what was sent: a
/// device that could not decrypt it may have been off for days. A request for what is not there any more repairs nothing in
/// the library (whatsapp-rust#1300, mended after 0.7.0).
fn caches() -> CacheConfig {
    CacheConfig {
        sent_message_ttl_secs: 7 * 86_400,
        chat_lanes_capacity: 256,
        ..CacheConfig::default()
    }
}

async fn run(client: &Arc<Client>, bot: &mut Workers) {
    if let Workers::Idle(_) = bot
        && let Workers::Idle(idle) = std::mem::replace(bot, Workers::Gone)
    {
        *bot = Workers::Started(idle.spawn());
        if let Workers::Started(handle) = bot {
            handle.await;
        }
    } else {
        client.run().await;
    }
}

async fn send_report(reports: &mpsc::Sender<Report>, report: Report) {
    // Fails only when the owner has gone, and then no one wants to know.
    let _ = reports.send(report).await;
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
