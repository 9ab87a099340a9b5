//! One set of credentials and its connections to WhatsApp: connects, logs in, detects silence, reports why a
//! connection ended. Whether and when to reconnect is decided elsewhere.
//!
//! `session` and `store` are the only modules that use WhatsApp's library.

mod app_state;
mod backlog;
mod chats;
mod client;
mod compose;
mod dial;
mod expiry;
mod gate;
mod groups;
mod history;
mod http;
mod inbound;
mod media;
mod names;
mod order;
mod outbound;
mod own;
mod pairing;
mod polls;
mod profiles;
mod recipients;
mod recover;
mod resend;
mod restriction;
mod resume;
mod runtime;
mod secret;
mod silence;
mod time;
mod tokens;
mod translate;
mod verdict;
mod version;

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use openclaw_egress::Egress;
use openclaw_state::admission::Admission;
use openclaw_state::clock;
use openclaw_state::journal::Journal;
use openclaw_state::outbox::Outbox;
use openclaw_state::presence::Presence;
use openclaw_state::traffic::Traffic;
use openclaw_types::{Device, Lid, Phone};
use tokio::sync::{Notify, mpsc};
use whatsapp_rust::RawNodeLease;
use whatsapp_rust::client::{Client, NodeFilter};

use crate::store::Store;

pub use chats::Typing;
pub use client::OpenError;
#[cfg(feature = "sim")]
pub use dial::InProcess;
pub use dial::{DialFailure, Endpoint, EndpointError, Probe, ProbeStep};
pub use groups::{
    GroupError, GroupSetting, JoinRequest, JoinedGroup, MemberAction, MemberResult, NewGroup,
};
pub use history::{History, HistoryError, HistoryPosition, HistoryRequest, MAX_HISTORY_MESSAGES};
pub use media::{
    DownloadError, Downloads, Encryption, MAX_MEDIA_BYTES, MAX_PICTURE_BYTES, MediaFile, NotSealed,
    PictureError, Piece, UploadFailure, Whole, fetch_picture,
};
pub use names::{MAX_NUMBERS_PER_QUERY, Named, QueryError};
pub use outbound::{EDIT_WINDOW, new_message_id};
pub use own::own_message;
pub use pairing::{Assertion, AssertionError, CeremonyEnd, HandoffProof, PasskeyError};
pub use polls::{OwnVote, PollToCount, has_poll_key, own_vote};
pub use profiles::PictureAddress;
pub use restriction::RestrictionReport;
pub use secret::Secret;
pub use time::keep_time;
pub use verdict::Loss;
pub use version::{ClientVersion, VersionPlace, VersionSource, VersionStatus, Versions};

/// The maximum number of reports that wait for the owner: more than one connection ever makes.
const MAX_QUEUED_REPORTS: usize = 64;

/// The dependencies and settings of a session.
#[derive(Clone, Debug)]
pub struct Setup {
    /// WhatsApp, or the simulator.
    pub endpoint: Endpoint,
    /// How connections leave this machine.
    pub egress: Egress,
    /// The client version to announce.
    pub versions: Arc<Versions>,
    /// The maximum silence of a connection that still counts as connected.
    pub keepalive_limit: Duration,
    /// How long a connection must be up before the agent reports ready.
    pub ready_after: Duration,
    /// Records events.
    pub journal: Arc<Journal>,
    /// Records the outcomes of sends.
    pub outbox: Arc<Outbox>,
    /// Counts messages.
    pub traffic: Arc<Traffic>,
    /// The allowlist check.
    pub admission: Arc<Admission>,
    /// Who is online.
    pub presence: Arc<Presence>,
    /// How a device that is linked from now on appears on the phone.
    pub device: Device,
}

/// What a session reports to its owner while it runs.
#[derive(Debug)]
pub enum Report {
    /// A QR code to show.
    Qr {
        /// The payload of the QR code.
        payload: Secret,
        /// How long WhatsApp accepts it.
        valid: Duration,
    },
    /// A code to type on the phone.
    PhoneCode {
        /// Eight characters.
        code: Secret,
        /// How long the phone accepts it.
        valid: Duration,
    },
    /// The code no longer works; another one may be requested.
    PhoneCodeSpent,
    /// WhatsApp requires a passkey: see [`Session::answer_passkey`]. No QR code follows.
    PasskeyRequest {
        /// The request's options, as JSON for `navigator.credentials.get`.
        options: Secret,
        /// How long the ceremony may take.
        valid: Duration,
    },
    /// The code to compare with the one on the phone, as `XXXX-XXXX`: see [`Session::confirm_passkey`].
    PasskeyConfirmation(Secret),
    /// The phone accepted, and this device is about to send its signature: from then on the phone may show it.
    Signed,
    /// The new credentials are stored.
    Accepted {
        /// The account's number.
        phone: Phone,
        /// Its LID, if known yet.
        lid: Option<Lid>,
    },
    /// The pairing was refused, or failed to verify.
    PairingRefused(Refusal),
    /// WhatsApp sent `<success>` on this connection.
    LoggedIn,
    /// When WhatsApp will stop accepting this version of the client, as announced; `None` if the announcement was
    /// withdrawn.
    Expires(Option<SystemTime>),
    /// Whether WhatsApp restricts the account.
    Restriction(RestrictionReport),
    /// No frame arrived for longer than the keepalive limit; the connection is being closed.
    Silent,
    /// The connection ended. The last report of a connection.
    Ended(Loss),
}

impl Report {
    /// The name in the log, without the content, which may be secret.
    const fn name(&self) -> &'static str {
        match self {
            Self::Qr { .. } => "qr",
            Self::PhoneCode { .. } => "phone_code",
            Self::PhoneCodeSpent => "phone_code_spent",
            Self::PasskeyRequest { .. } => "passkey_request",
            Self::PasskeyConfirmation(_) => "passkey_confirmation",
            Self::Signed => "signed",
            Self::Accepted { .. } => "accepted",
            Self::PairingRefused(_) => "pairing_refused",
            Self::LoggedIn => "logged_in",
            Self::Expires(_) => "expires",
            Self::Restriction(_) => "restriction",
            Self::Silent => "silent",
            Self::Ended(_) => "ended",
        }
    }
}

/// Why WhatsApp or the phone refused to link this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// By WhatsApp's server.
    Server,
    /// One side could not verify the other's signature.
    Verification,
    /// The passkey ceremony failed.
    Passkey(CeremonyEnd),
    /// The new credentials could not be stored.
    Storage,
}

/// A session. Cloned handles are the same session; it ends when [`Session::close`] is called.
#[derive(Clone)]
pub struct Session {
    client: Arc<Client>,
    desk: Arc<pairing::Desk>,
    egress: Egress,
    dialled: Arc<dial::Outcome>,
    recipients: Arc<recipients::Recipients>,
    tokens: Arc<tokens::Tokens>,
    presence: Arc<Presence>,
    store: Store,
    /// Held by the query for all groups.
    groups: Arc<tokio::sync::Mutex<()>>,
    history: Arc<history::Requests>,
}

/// Makes a session's connections, one at a time.
pub struct Driver {
    session: Session,
    reports: mpsc::Sender<Report>,
    seen: Arc<Seen>,
    wire: pairing::Wire,
    turns: Arc<runtime::Turns>,
    /// Counts each stanza when it arrives, while this is held: see [`backlog`].
    _stanzas: RawNodeLease,
    /// Until the first connection.
    workers: Option<client::Workers>,
}

/// Work of the library's event handler, which must not block, for the driver.
#[derive(Debug, Default)]
struct Seen {
    /// The library has announced this device as available: withdraw that, unless a client wants it, or the phone shows no
    /// notifications.
    announced: Notify,
    /// Why the connection is about to end: the first reason that was reported.
    loss: Mutex<Option<Loss>>,
    /// Messages that WhatsApp refused because it restricts the account.
    refusals: restriction::Refusals,
    skipped: app_state::Skipped,
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
            egress: setup.egress.clone(),
            outcome: Arc::clone(&dialled),
            gate: Arc::clone(&gate),
            backlog: Arc::clone(&backlog),
        };
        let history = Arc::<history::Requests>::default();
        let wire = pairing::Wire {
            dialer: dialer.clone(),
            runtime: Arc::new(runtime::Paced::new(Arc::clone(&turns))),
            versions: Arc::clone(&setup.versions),
            keepalive_limit: setup.keepalive_limit,
        };
        let parts = client::Parts {
            dialer,
            http: http::Http::new(setup.egress.clone()),
            runtime: Arc::clone(&wire.runtime),
            inbound: inbound.clone(),
            requests: Arc::clone(&history),
        };
        let (client, workers) = client::build(store, &setup.device, parts).await?;
        store.attach(&client);
        gate.attach(&client);
        backlog.attach(&client);
        inbound.restore();
        recover::recover(&client, store, setup, &inbound).await;
        let session = Self {
            client,
            desk: Arc::default(),
            egress: setup.egress.clone(),
            dialled,
            recipients,
            tokens: Arc::default(),
            presence: Arc::clone(&setup.presence),
            store: store.clone(),
            groups: Arc::default(),
            history,
        };
        // One run is one connection: when to reconnect is the owner's decision.
        session
            .client
            .enable_auto_reconnect
            .store(false, Ordering::Relaxed);
        let driver = Driver {
            session: session.clone(),
            reports,
            seen,
            wire,
            turns,
            _stanzas: session.client.acquire_raw_node_forwarding(),
            workers: Some(workers),
        };
        Ok((session, driver, receiver))
    }

    /// The account, once a phone has accepted this device.
    #[must_use]
    pub fn account(&self) -> Option<(Phone, Option<Lid>)> {
        let phone = Phone::of_digits(&self.client.pn()?.user)?;
        Some((phone, self.client.lid().and_then(|lid| Lid::new(&lid.user))))
    }

    /// When the last frame arrived on the current connection, in agent time.
    #[must_use]
    pub fn last_frame(&self) -> Option<SystemTime> {
        match self.client.stats().last_data_received_ms {
            0 => None,
            ms => Some(clock::from_protocol(
                SystemTime::UNIX_EPOCH + Duration::from_millis(ms),
            )),
        }
    }

    /// Why the last connection attempt failed, if it did.
    #[must_use]
    pub fn dial_failure(&self) -> Option<DialFailure> {
        self.dialled.failure()
    }

    /// Requests a code to type on the phone, on the connection that is being made. The code, or a refusal, is
    /// reported.
    pub fn request_phone_code(&self, phone: Phone) {
        self.desk.request_code(phone);
    }

    /// Answers [`Report::PasskeyRequest`]. Returns when WhatsApp has accepted the assertion; the link follows, or first
    /// [`Report::PasskeyConfirmation`], if the code is to be compared.
    ///
    /// # Errors
    /// The answer had no effect, or the ceremony failed; then a report says so as well.
    pub async fn answer_passkey(
        &self,
        assertion: Assertion,
        proof: HandoffProof,
    ) -> Result<(), PasskeyError> {
        self.desk.answer(assertion, proof).await
    }

    /// A person confirms the code of [`Report::PasskeyConfirmation`]. Returns when the phone has this device's keys.
    ///
    /// # Errors
    /// No code was shown, or the ceremony failed; then a report says so as well.
    pub async fn confirm_passkey(&self) -> Result<(), PasskeyError> {
        self.desk.confirm().await
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
        // The server also closes the stream with the reason that the device was removed, and the library may process
        // that before the response.
        let removed = self
            .client
            .wait_for_node(NodeFilter::tag("stream:error").attr("code", "401"));
        let request = RemoveCompanionDeviceSpec::new(&jid);
        let answered = self.client.execute(request).await.is_ok();
        answered || matches!(removed.now_or_never(), Some(Ok(_)))
    }

    /// Ends the session: flushes buffers and closes the socket. It cannot connect again.
    pub async fn close(&self) {
        self.desk.close();
        self.client.disconnect().await;
    }
}

impl Driver {
    /// Makes one connection and returns when it has ended. Sends reports meanwhile; the last one is [`Report::Ended`].
    pub async fn connect(&mut self) {
        let Session {
            client, dialled, ..
        } = &self.session;
        let is_linked = client.pn().is_some();
        dialled.reset();
        let versions = Arc::clone(&self.wire.versions);
        let version = versions.announce(&client.persistence_manager()).await;
        let loss = match is_linked {
            true => self.log_in(version).await,
            false => pairing::connect(&self.session, &self.wire, version, &self.reports).await,
        };
        let loss = match loss {
            Some(Loss::Outdated(_)) if versions.refused(version).await => Some(Loss::Superseded),
            loss => loss,
        };
        let loss = loss.unwrap_or(match self.session.dialled.made() {
            true => Loss::Connection,
            false => Loss::Unreachable,
        });
        send_report(&self.reports, Report::Ended(loss)).await;
    }

    /// Makes a connection of a linked device. Returns why it has ended, if that is known.
    async fn log_in(&mut self, version: ClientVersion) -> Option<Loss> {
        let Self {
            session,
            reports,
            seen,
            wire,
            turns,
            workers,
            _stanzas: _,
        } = self;
        let client = &session.client;
        if let Some(workers) = workers.take() {
            workers.start(client);
        }
        let mut success = client.wait_for_node(NodeFilter::tag("success")).fuse();
        let restart = client.wait_for_node(NodeFilter::tag("stream:error").attr("code", "515"));
        let mut silence = pin!(silence::noticed(session, wire.keepalive_limit).fuse());
        let mut resume = pin!(resume::pull(client, turns).fuse());
        let mut restriction = pin!(restriction::watch(client, &seen.refusals, reports).fuse());
        let mut seed = pin!(groups::seed(session).fuse());
        let mut skipped = pin!(seen.skipped.read(client));
        let mut logged_in = false;
        let mut run = pin!(client.run());
        loop {
            tokio::select! {
                biased;
                () = seen.announced.notified() => session.show_presence().await,
                Ok(_) = &mut success => {
                    logged_in = true;
                    wire.versions.accepted(version);
                    session.tokens.logged_in();
                    send_report(reports, Report::LoggedIn).await;
                }
                () = &mut resume, if logged_in => {}
                () = &mut restriction, if logged_in => {}
                () = &mut seed, if logged_in => {}
                never = &mut skipped, if logged_in => match never {},
                () = &mut silence => {
                    seen.ends(Loss::Connection);
                    send_report(reports, Report::Silent).await;
                    client.reconnect_immediately().await;
                }
                () = &mut run => break,
            }
        }
        // The announced availability has ended with the connection.
        let _ = seen.announced.notified().now_or_never();
        let restarts = matches!(restart.now_or_never(), Some(Ok(_)));
        match lock(&seen.loss).take() {
            // The library's own reason for the same end is less precise.
            None | Some(Loss::Connection) if restarts => Some(Loss::Restart),
            loss => loss,
        }
    }
}

async fn send_report(reports: &mpsc::Sender<Report>, report: Report) {
    // Fails only if the owner was dropped, and then no one needs the report.
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
