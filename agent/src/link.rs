//! The link's state and its single owner: commands in, `Status` out.
//!
//! [`Agent`] is the handle for the API; [`Owner`] is the task behind it. Neither speaks a wire protocol: that is in
//! `openclaw-whatsapp`.

mod access;
mod archive;
mod chats;
mod doctor;
mod frame;
mod groups;
mod history;
mod line;
mod lookups;
mod media;
mod network;
mod owner;
mod pairing;
mod passkey;
mod pictures;
mod polls;
mod profiles;
mod readiness;
mod recipients;
mod record;
mod resolver;
mod retry;
mod rollback;
mod running;
mod sender;
mod sending;
mod targets;
mod turns;
mod uploads;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use openclaw_state::admission::Admission;
use openclaw_state::alerts::Board;
use openclaw_state::allow::{Allowlist, Summary};
use openclaw_state::clock::{self, Steps};
use openclaw_state::consumers::Consumers;
use openclaw_state::journal::{Damage, Journal, Pages};
use openclaw_state::lookups::Lookups;
use openclaw_state::outbox::Outbox;
use openclaw_state::presence::Presence;
use openclaw_state::traffic::{Counts, Traffic};
use openclaw_state::uploads::Uploads;
use openclaw_types::{Device, Link, LinkState, Seq};
use openclaw_whatsapp::session::{DialFailure, Secret, Session};
use openclaw_whatsapp::store::{DroppedRecords, Store};
use tokio::sync::{mpsc, oneshot, watch};

use crate::alerts::Alerts;
use network::Network;

pub use archive::{Archive, Copy, Error as ArchiveError, Piece, Restored, Start, Tokens};
pub use chats::{ChatError, Followed, Received};
pub use frame::{Frame, Method, PairFailure, PairRequest, Qr, QrError};
pub use groups::{GroupDenied, GroupFailure};
pub use history::{HistoryError, HistoryFrom, OlderMessages};
pub use lookups::{LookupError, MAX_NUMBERS_PER_LOOKUP};
pub use media::{Download, DownloadDenied, DownloadRequest, MediaOf};
pub use network::NetworkStatus;
pub use owner::Owner;
pub use passkey::PasskeyDenied;
pub use pictures::{Picture, PictureDenied};
pub use polls::{Incomplete, OptionResult, PollResults};
pub use readiness::Readiness;
pub use resolver::Resolver;
pub use rollback::{Decision, Held, StoreSeen};
pub use sender::Sender;
pub use sending::{Answer, Prepared, SendFailure, SendOptions};
pub use targets::TargetError;
pub use uploads::{FileDenied, UploadDenied, UploadPart, Uploaded, sweep};

/// The limit of queued commands.
const MAX_QUEUED_COMMANDS: usize = 16;

/// A handle of the agent. Clones share one owner.
#[derive(Clone, Debug)]
pub struct Agent {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<View>,
    journal: Arc<Journal>,
    outbox: Arc<Outbox>,
    traffic: Arc<Traffic>,
    admission: Arc<Admission>,
    presence: Arc<Presence>,
    keepalive_limit: Duration,
    ready_after: Duration,
    started_at: SystemTime,
    store: Store,
    archive: Archive,
    alerts: Alerts,
    media: Arc<media::Transfers>,
    network: Network,
    /// How a new link appears on the phone.
    device: Device,
    pages: Pages,
    lookups: Arc<Mutex<Lookups>>,
    history: Arc<history::Requests>,
    /// Held while the votes in a poll are counted: up to 100,000 events are read.
    poll_turn: Arc<tokio::sync::Mutex<()>>,
    uploads: Arc<Uploads>,
    upload_turns: Arc<turns::Turns>,
    picture_turns: Arc<turns::Turns>,
}

/// A snapshot of the sealed store.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The store's own summary.
    pub summary: openclaw_vault::Summary,
    /// Rows that could not be decoded since the process started.
    pub undecodable: u64,
    /// Bytes of an incomplete write that were dropped when it was opened.
    pub dropped: u64,
}

impl Storage {
    /// The store's id.
    #[must_use]
    pub const fn id(&self) -> [u8; 16] {
        self.summary.store.0
    }
}

/// The state that the owner publishes.
#[derive(Clone, Debug)]
pub struct View {
    /// The link.
    pub link: Link,
    /// True while a pairing is in progress.
    pub pairing: bool,
    /// When WhatsApp last asked for a passkey.
    passkey_at: Option<SystemTime>,
    /// When the link went down; meaningless while it is up.
    disconnected_at: SystemTime,
    /// The session, if there is one.
    session: Option<Session>,
    /// Why the last connection of the link or of a pairing could not be made, if it could not.
    failure: Option<DialFailure>,
}

impl View {
    /// When the link is ready for use, if it stays up; `None` while it is down.
    #[must_use]
    pub fn ready_at(&self, ready_after: Duration) -> Option<SystemTime> {
        let up = self.link.state == LinkState::Connected;
        up.then(|| self.link.since + ready_after)
    }

    /// What a person should do about the link, if anything.
    fn hint(&self) -> String {
        let hint = self.link.hint(clock::now(), clock::utc);
        match (self.pairing, hint.is_empty()) {
            (true, false) => LinkState::Linking.hint().to_owned(),
            _ => hint,
        }
    }

    /// The refusal of a request that needs a link, while there is none.
    fn not_linked(&self) -> Denied {
        match self.pairing {
            true => Denied::Linking,
            false => Denied::NotLinked,
        }
    }

    /// Replaces the link, as of `now`.
    fn change(&mut self, link: Link, now: SystemTime) {
        if self.link.state == LinkState::Connected && link.state != LinkState::Connected {
            self.disconnected_at = now;
        }
        self.link = link;
    }
}

impl AsRef<Link> for View {
    fn as_ref(&self) -> &Link {
        &self.link
    }
}

enum Command {
    Pair(
        PairRequest,
        oneshot::Sender<Result<mpsc::Receiver<Frame>, Denied>>,
    ),
    /// For a step of the passkey ceremony; with the code that the phone shows, to confirm it.
    PairingSession(
        Option<Secret>,
        oneshot::Sender<Result<Session, PasskeyDenied>>,
    ),
    Resume(oneshot::Sender<Result<(), Denied>>),
    Unpair(oneshot::Sender<Result<bool, Denied>>),
    Restore(
        Box<archive::Staged>,
        oneshot::Sender<Result<Restored, ArchiveError>>,
    ),
    Renew(oneshot::Sender<Result<DroppedRecords, Denied>>),
    Stop(oneshot::Sender<()>),
}

/// Why the owner's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to stop.
    Stopped,
    /// The account was unpaired and its store erased: none of its secrets may stay in memory.
    Erased,
}

/// A snapshot of the agent.
#[derive(Clone, Debug)]
pub struct Status {
    /// The link.
    pub link: Link,
    /// When the last frame arrived on the current connection.
    pub last_frame: Option<SystemTime>,
    /// True while a pairing is in progress.
    pub pairing: bool,
    /// When the process started.
    pub started_at: SystemTime,
    /// The newest and the oldest event.
    pub events: (Seq, Seq),
    /// Traffic counters.
    pub counts: Counts,
    /// The longest time without frames that still counts as connected.
    pub keepalive_limit: Duration,
    /// How long the link must be up before it is ready for use.
    pub ready_after: Duration,
    /// When the link went down; meaningless while it is up.
    pub disconnected_at: SystemTime,
    /// Steps of the system's clock.
    pub steps: Steps,
    /// The store; `None` once it is erased.
    pub storage: Option<Storage>,
    /// The allowlist.
    pub rules: Summary,
    /// How many messages are held until their sender is resolved.
    pub held: usize,
    /// The status of alerting.
    pub alerts: Board,
    /// Events that should be kept but cannot be read.
    pub damaged: Vec<Damage>,
    /// The hold on sending, while there is one.
    pub hold: Option<Held>,
    /// The way to WhatsApp.
    pub network: NetworkStatus,
}

impl Status {
    /// True if the link is up now: logged in, with a frame within the limit.
    #[must_use]
    pub fn is_connected(&self, now: SystemTime) -> bool {
        let silence = self
            .last_frame
            .and_then(|at| now.duration_since(at).ok())
            .unwrap_or_default();
        self.link.state == LinkState::Connected && silence <= self.keepalive_limit
    }
}

/// The agent refuses a request, in its current state or permanently. The request had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No phone is linked to this agent.
    #[error("the agent is not linked to a phone")]
    NotLinked,
    /// The same, while a pairing is in progress.
    #[error("the agent is not linked to a phone yet")]
    Linking,
    /// Already linked, and `replace` was not set.
    #[error("the agent is already linked")]
    AlreadyLinked,
    /// Another pairing is in progress.
    #[error("another pairing is in progress")]
    AlreadyPairing,
    /// WhatsApp permanently rejects the credentials.
    #[error("the credentials are no longer valid: WhatsApp removed this device")]
    CredentialsDead,
    /// Sends are not held.
    #[error("sends are not held: nothing to decide")]
    NotHeld,
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
}

impl Agent {
    /// The current status.
    #[must_use]
    pub fn status(&self) -> Status {
        let view = self.view.borrow().clone();
        let live = matches!(
            view.link.state,
            LinkState::Connected | LinkState::Connecting
        );
        let last_frame = if live {
            view.session.as_ref().and_then(Session::last_frame)
        } else {
            None
        };
        let network = self.network.status(&view);
        Status {
            link: view.link,
            last_frame,
            pairing: view.pairing,
            started_at: self.started_at,
            events: self.journal.range(),
            counts: self.traffic.counts(),
            keepalive_limit: self.keepalive_limit,
            ready_after: self.ready_after,
            disconnected_at: view.disconnected_at,
            steps: clock::steps(),
            storage: self.storage(),
            rules: self.allowlist().summary(clock::now()),
            held: self.admission.count_held(),
            alerts: self.alerts.board(),
            damaged: self.journal.damaged(),
            hold: self.held(),
            network,
        }
    }

    /// The store; `None` once it is erased.
    #[must_use]
    pub fn storage(&self) -> Option<Storage> {
        let vault = self.store.vault();
        vault.summary().map(|summary| Storage {
            summary,
            undecodable: self.store.undecodable(),
            dropped: vault.dropped(),
        })
    }

    /// The same agent, with the status of alerting.
    #[must_use]
    pub fn with_alerts(self, alerts: Alerts) -> Self {
        Self { alerts, ..self }
    }

    /// The handle on alerting.
    #[must_use]
    pub const fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// How long the link must be up before it is ready for use.
    #[must_use]
    pub const fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Subscribes to changes of the link.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// The event journal.
    #[must_use]
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Reads the journal a page at a time, in turn with all others that do.
    #[must_use]
    pub const fn pages(&self) -> &Pages {
        &self.pages
    }

    /// The consumers and their cursors.
    #[must_use]
    pub fn consumers(&self) -> Consumers {
        Consumers::new(self.store.vault().clone())
    }

    /// The LID for a phone number's JID, or the reverse, if it is known.
    #[must_use]
    pub fn other_name(&self, jid: &str) -> Option<String> {
        self.store.other_name(jid)
    }

    /// The allowlist.
    #[must_use]
    pub fn allowlist(&self) -> &Allowlist {
        self.admission.allowlist()
    }

    /// Starts a pairing. Its frames end with `Linked` or `Failed`; dropping them stops it.
    pub async fn pair(&self, request: PairRequest) -> Result<mpsc::Receiver<Frame>, Denied> {
        self.ask(|reply| Command::Pair(request, reply)).await?
    }

    /// Makes one attempt to connect with the existing credentials, even if WhatsApp had ended the link. Returns the
    /// status when the attempt has an outcome, or after `timeout`.
    pub async fn resume(&self, timeout: Duration) -> Result<Status, Denied> {
        let mut view = self.view.clone();
        let before = view.borrow_and_update().link.since;
        self.ask(Command::Resume).await??;
        let ended = view.wait_for(|view| match view.link.state {
            LinkState::Connecting | LinkState::Linking => false,
            // The previous delay, which is about to end.
            LinkState::BackingOff { .. } => view.link.since != before,
            _ => true,
        });
        // A timeout and the end of the owner are no failures: the status shows the result.
        let _ = tokio::time::timeout(timeout, ended).await;
        Ok(self.status())
    }

    /// Unlinks, erases the store and ends the owner. `true` if WhatsApp confirmed; the credentials are erased in any
    /// case.
    pub async fn unpair(&self) -> Result<bool, Denied> {
        self.ask(Command::Unpair).await?
    }

    /// Closes the session and ends the owner.
    pub async fn stop(&self) {
        let _ = self.ask(Command::Stop).await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Denied> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| Denied::Stopping)?;
        answer.await.map_err(|_| Denied::Stopping)
    }
}
