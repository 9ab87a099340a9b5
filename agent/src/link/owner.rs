//! The task that owns the link: it opens sessions, connects them, and decides what follows.

mod account;
mod candidate;
mod linking;
mod restoring;
mod restricting;
mod resuming;

use std::sync::Arc;
use std::time::SystemTime;

use openclaw_state::clock;
use openclaw_state::journal::Pages;
use openclaw_state::uploads::Uploads;
use openclaw_state::vault::Vault;
use openclaw_types::{EventData, Link, LinkState, Reason};
use openclaw_whatsapp::session::{Loss, OpenError, Report, Setup};
use openclaw_whatsapp::store::Store;
use tokio::sync::{mpsc, watch};

use self::candidate::Candidate;
use super::media::Transfers;
use super::network::Network;
use super::pairing::Pairing;
use super::pictures::{MAX_PICTURES, MAX_WAITING_PICTURES};
use super::retry::{Next, Retry};
use super::running::Running;
use super::turns::Turns;
use super::uploads::{MAX_UPLOADS, MAX_WAITING_UPLOADS};
use super::{
    Agent, Archive, Command, Ended, MAX_QUEUED_COMMANDS, Resolver, Sender, View, line, record,
};
use crate::alerts::Alerts;
use crate::link::{Frame, PairFailure};

/// How many unread frames a slow client may have before its pairing ends.
const MAX_QUEUED_FRAMES: usize = 16;

/// The task.
pub struct Owner {
    setup: Setup,
    store: Store,
    /// The store as seen by sessions of the current account.
    account: Store,
    vault: Vault,
    commands: mpsc::Receiver<Command>,
    view: watch::Sender<View>,
    running: Option<Running>,
    pairing: Option<Active>,
    retry: Retry,
    /// When to connect next.
    connect_at: Option<SystemTime>,
}

/// A pairing in progress, and its client.
struct Active {
    pairing: Pairing,
    frames: mpsc::Sender<Frame>,
    /// The new device, until it replaces the old one, if any.
    candidate: Option<Candidate>,
}

impl Active {
    /// True if the pairing continues although its client has gone.
    fn needs_no_client(&self) -> bool {
        self.pairing.outlives_its_client() && self.candidate.is_some()
    }
}

/// What woke the owner.
enum Wake {
    Command(Option<Command>),
    Report(Option<Report>),
    /// A report of the pairing's new device; `None` if its connection's task panicked.
    Candidate(Option<Report>),
    /// A connect or a pairing's deadline is due.
    Time,
    /// A client version is known that WhatsApp has not refused, while the link is outdated.
    NewerVersion,
    /// The client closed the pairing's stream.
    Abandoned,
}

impl Owner {
    /// Returns the owner, its tasks, and the handle to them.
    pub fn new(
        setup: Setup,
        store: Store,
        uploads: Arc<Uploads>,
        pages: Pages,
    ) -> (Agent, Self, Sender, Resolver) {
        let (command, commands) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let vault = store.vault().clone();
        let started_at = clock::now();
        let link = Link {
            state: LinkState::Unlinked,
            since: started_at,
            account: None,
            reason: None,
            code: None,
            expires_at: None,
            restriction: None,
        };
        let (view, watched) = watch::channel(View {
            link,
            pairing: false,
            passkey_at: None,
            disconnected_at: started_at,
            session: None,
            failure: None,
        });
        let agent = Agent {
            commands: command,
            view: watched.clone(),
            journal: setup.journal.clone(),
            outbox: setup.outbox.clone(),
            traffic: setup.traffic.clone(),
            admission: setup.admission.clone(),
            presence: setup.presence.clone(),
            keepalive_limit: setup.keepalive_limit,
            ready_after: setup.ready_after,
            started_at,
            archive: Archive::new(vault.clone()),
            store: store.clone(),
            alerts: Alerts::default(),
            media: Arc::new(Transfers::new(setup.endpoint.clone(), setup.egress.clone())),
            device: setup.device.clone(),
            network: Network {
                endpoint: setup.endpoint.clone(),
                egress: setup.egress.clone(),
                versions: Arc::clone(&setup.versions),
                unused_proxies: Vec::new(),
                probing: Arc::default(),
            },
            pages,
            lookups: Arc::default(),
            history: Arc::default(),
            poll_turn: Arc::default(),
            uploads: uploads.clone(),
            upload_turns: Turns::new(MAX_UPLOADS, MAX_WAITING_UPLOADS),
            picture_turns: Turns::new(MAX_PICTURES, MAX_WAITING_PICTURES),
        };
        let sender = Sender::new(watched, setup.outbox.clone(), agent.recipients(), uploads);
        let resolver = Resolver {
            admission: setup.admission.clone(),
            view: agent.watch(),
        };
        let owner = Self {
            account: store.live(),
            setup,
            store,
            vault,
            commands,
            view,
            running: None,
            pairing: None,
            retry: Retry::default(),
            connect_at: None,
        };
        (agent, owner, sender, resolver)
    }

    /// Runs until it is asked to stop, or the store is erased.
    pub async fn run(mut self) -> Result<Ended, OpenError> {
        self.start().await?;
        loop {
            match self.wake().await {
                Wake::Command(Some(Command::Pair(request, reply))) => {
                    let _ = reply.send(self.pair(request).await?);
                }
                Wake::Command(Some(Command::PairingSession(code, reply))) => {
                    let _ = reply.send(self.pairing_session(code.as_ref()).await);
                }
                Wake::Command(Some(Command::Resume(reply))) => {
                    let _ = reply.send(self.resume().await?);
                }
                Wake::Command(Some(Command::Unpair(reply))) => {
                    let unpaired = self.unpair().await;
                    let erased = unpaired.is_ok();
                    let _ = reply.send(unpaired);
                    if erased {
                        return Ok(Ended::Erased);
                    }
                }
                Wake::Command(Some(Command::Restore(staged, reply))) => {
                    let _ = reply.send(self.restore(*staged).await?);
                }
                Wake::Command(Some(Command::Renew(reply))) => {
                    let _ = reply.send(self.renew().await?);
                }
                Wake::Command(Some(Command::Stop(reply))) => {
                    self.stop().await;
                    let _ = reply.send(());
                    return Ok(Ended::Stopped);
                }
                Wake::Command(None) => {
                    self.stop().await;
                    return Ok(Ended::Stopped);
                }
                Wake::Report(Some(report)) => self.on_report(report).await?,
                Wake::Report(None) => {
                    // The connection's task ended without a report.
                    self.discard_session().await;
                    self.ended(Loss::Connection).await?;
                }
                Wake::Candidate(report) => self.on_candidate(report).await,
                Wake::Time => self.on_time().await?,
                Wake::NewerVersion => self.update_version().await?,
                Wake::Abandoned => self.abandon().await,
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let due = self.due();
        let is_outdated = self.pairing.is_none() && self.link().state == LinkState::Outdated;
        let time = async {
            match due {
                Some(at) => clock::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let (abandoned, candidate) = match &mut self.pairing {
            Some(active) => {
                let watched = (!active.needs_no_client()).then_some(&active.frames);
                (watched, active.candidate.as_mut())
            }
            None => (None, None),
        };
        let abandoned = async {
            match abandoned {
                Some(frames) => frames.closed().await,
                None => std::future::pending().await,
            }
        };
        let candidate = async {
            match candidate {
                Some(candidate) => candidate.report().await,
                None => std::future::pending().await,
            }
        };
        let newer = async {
            match is_outdated {
                true => self.setup.versions.until_newer().await,
                false => std::future::pending().await,
            }
        };
        let report = async {
            match &mut self.running {
                Some(running) => running.report().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            report = report => Wake::Report(report),
            report = candidate => Wake::Candidate(report),
            command = self.commands.recv() => Wake::Command(command),
            () = abandoned => Wake::Abandoned,
            () = time => Wake::Time,
            () = newer => Wake::NewerVersion,
        }
    }

    /// When the next action is due.
    fn due(&self) -> Option<SystemTime> {
        let pairing = self.pairing.iter().flat_map(|active| {
            let connect_at = active.candidate.as_ref().and_then(|it| it.connect_at);
            connect_at.into_iter().chain([active.pairing.wake_at()])
        });
        let restriction = self.link().restriction;
        let ends = restriction.and_then(|restriction| restriction.until);
        pairing.chain(self.connect_at).chain(ends).min()
    }

    async fn stop(&mut self) {
        if let Some(active) = self.pairing.take() {
            let _ = active.frames.try_send(Frame::Failed(PairFailure::Stopping));
            if let Some(candidate) = active.candidate {
                candidate.close().await;
            }
        }
        self.discard_session().await;
        if self.link().state == LinkState::Connected {
            self.enter(LinkState::Connecting, Some(Reason::Stopping));
        }
    }

    async fn on_report(&mut self, report: Report) -> Result<(), OpenError> {
        match report {
            Report::LoggedIn => {
                self.logged_in();
                self.step_linked(Report::LoggedIn).await;
            }
            Report::Expires(at) => self.expires(at),
            Report::Restriction(report) => self.restricted(report),
            Report::Silent => self.enter(LinkState::Connecting, Some(Reason::ConnectionLost)),
            Report::Ended(loss) => self.ended(loss).await?,
            // A linked device makes no pairing codes.
            _ => {}
        }
        Ok(())
    }

    /// The link's connection received `<success>`.
    fn logged_in(&mut self) {
        let known = self
            .running
            .as_ref()
            .and_then(|running| running.session().account());
        if let Some((phone, lid)) = known {
            let known = self.link().account;
            self.remember(phone, lid, known);
            self.show(|view| view.failure = None);
            self.retry.connected(clock::now());
            self.enter(LinkState::Connected, None);
        }
    }

    /// WhatsApp announced when it will refuse this client version; `None`: it no longer announces that.
    pub(super) fn expires(&mut self, at: Option<SystemTime>) {
        let link = self.link();
        // Announced at every login.
        if link.expires_at == at {
            return;
        }
        match at.map(clock::utc) {
            Some(at) => tracing::warn!(at, "WhatsApp will stop accepting this version"),
            None => tracing::info!("WhatsApp no longer announces the end of this version"),
        }
        self.publish(Link {
            expires_at: at,
            ..link
        });
    }

    /// The link's connection has ended. A pairing that has just made the link decides what follows, otherwise the retry
    /// rules.
    async fn ended(&mut self, loss: Loss) -> Result<(), OpenError> {
        if let Some(running) = &mut self.running {
            running.rejoin().await;
        }
        let failure = self.running.as_ref().and_then(Running::dial_failure);
        self.show(|view| view.failure = failure);
        if self.is_completing() {
            self.step_linked(Report::Ended(loss)).await;
            // A link that the phone has accepted survives its pairing; the retry rules take over.
            if self.is_completing() || self.link().account.is_none() {
                return Ok(());
            }
        }
        let jitter = fastrand::f64().mul_add(2.0, -1.0);
        match self.retry.on(loss, clock::now(), jitter) {
            Next::Now(reason) => {
                self.enter(LinkState::Connecting, Some(reason));
                self.connect();
            }
            Next::Wait {
                attempt,
                until,
                reason,
            } => {
                self.connect_at = Some(until);
                self.enter(LinkState::BackingOff { attempt, until }, Some(reason));
            }
            Next::Rest(state, reason) => {
                self.discard_session().await;
                self.enter_with(state, Some(reason), loss.code(), clock::now());
                self.vault.flush().await;
            }
        }
        Ok(())
    }

    async fn on_time(&mut self) -> Result<(), OpenError> {
        let now = clock::now();
        self.end_restriction(now);
        if self.connect_at.is_some_and(|at| at <= now) {
            self.connect_at = None;
            if matches!(self.link().state, LinkState::BackingOff { .. }) {
                self.enter(LinkState::Connecting, self.link().reason);
            }
            if self.running.is_none() {
                self.open_session().await?;
            }
            self.connect();
        }
        self.connect_candidate(now).await?;
        self.tick().await;
        Ok(())
    }

    async fn open_session(&mut self) -> Result<(), OpenError> {
        let running = Running::open(&self.setup, &self.account).await?;
        self.show(|view| view.session = Some(running.session().clone()));
        self.running = Some(running);
        Ok(())
    }

    fn connect(&mut self) {
        if let Some(running) = &mut self.running {
            running.connect();
        }
    }

    async fn discard_session(&mut self) {
        self.connect_at = None;
        if let Some(running) = self.running.take() {
            self.show(|view| view.session = None);
            running.close().await;
        }
    }

    fn link(&self) -> Link {
        self.view.borrow().link.clone()
    }

    fn update(&mut self, change: impl FnOnce(&mut Link)) {
        self.show(|view| change(&mut view.link));
    }

    fn show(&self, change: impl FnOnce(&mut View)) {
        let pairing = self.pairing.is_some();
        self.view.send_modify(|view| {
            view.pairing = pairing;
            change(view);
        });
    }

    fn enter(&mut self, state: LinkState, reason: Option<Reason>) {
        self.enter_with(state, reason, None, clock::now());
    }

    /// Enters a state and logs it.
    fn enter_with(
        &mut self,
        state: LinkState,
        reason: Option<Reason>,
        code: Option<u32>,
        since: SystemTime,
    ) {
        let before = self.link();
        let link = Link {
            state,
            since,
            reason,
            code,
            ..before.clone()
        };
        self.publish(link.clone());
        self.setup.traffic.count_link(&before, &link);
        line::log(&before, &link);
    }

    /// Publishes a changed link: to the store, the view and the journal, in that order.
    fn publish(&mut self, link: Link) {
        let now = clock::now();
        record::keep(&self.vault, &link);
        self.show(|view| view.change(link.clone(), now));
        let shown = Box::new(link.shown_by(clock::shown));
        self.setup.journal.append(EventData::Link(shown), now);
    }
}
