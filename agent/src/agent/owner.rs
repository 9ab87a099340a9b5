//! The task that owns the link: it opens sessions, lets them connect, and decides what follows.

mod account;
mod linking;
mod restoring;

use std::time::SystemTime;

use tokio::sync::{mpsc, watch};

use super::pairing::{Input, Pairing};
use super::retry::{Next, Retry};
use super::running::Running;
use super::{Agent, Archive, COMMANDS, Command, Ended, Resolver, Sender, View, line, record};
use crate::alerts::Alerts;
use crate::clock;
use crate::model::{Frame, Link, LinkState, Method, Occurrence, PairFailure, Reason};
use crate::session::{Loss, OpenError, Report, Setup};
use crate::store::Store;
use crate::vault::Vault;

/// How many frames a slow client may leave unread before its pairing ends.
const FRAMES: usize = 16;

/// The task.
pub struct Owner {
    setup: Setup,
    store: Store,
    vault: Vault,
    commands: mpsc::Receiver<Command>,
    view: watch::Sender<View>,
    running: Option<Running>,
    pairing: Option<Active>,
    retry: Retry,
    /// When to connect again.
    connect_at: Option<SystemTime>,
}

/// A pairing and who watches it.
struct Active {
    pairing: Pairing,
    frames: mpsc::Sender<Frame>,
}

/// What woke the owner.
enum Wake {
    Command(Option<Command>),
    Report(Option<Report>),
    /// It is time to connect, or a pairing's deadline has come.
    Time,
    /// The operator has closed the pairing's stream.
    Abandoned,
}

impl Owner {
    /// An owner, the tasks beside it, and the handle to them.
    pub fn new(setup: Setup, store: Store) -> (Agent, Self, Sender, Resolver) {
        let (command, commands) = mpsc::channel(COMMANDS);
        let vault = store.vault().clone();
        let started_at = clock::now();
        let link = Link {
            state: LinkState::Unlinked,
            since: started_at,
            account: None,
            reason: None,
        };
        let (view, watched) = watch::channel(View {
            link,
            pairing: false,
            disconnected_at: started_at,
            session: None,
        });
        let agent = Agent {
            commands: command,
            view: watched.clone(),
            journal: setup.journal.clone(),
            outbox: setup.outbox.clone(),
            traffic: setup.traffic.clone(),
            admission: setup.admission.clone(),
            keepalive_limit: setup.keepalive_limit,
            ready_after: setup.ready_after,
            started_at,
            archive: Archive::new(vault.clone()),
            store: store.clone(),
            alerts: Alerts::default(),
        };
        let sender = Sender::new(watched, setup.outbox.clone());
        let resolver = Resolver {
            admission: setup.admission.clone(),
            view: agent.watch(),
        };
        let owner = Self {
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

    /// Runs until it is told to stop, or the store is erased.
    pub async fn run(mut self) -> Result<Ended, OpenError> {
        self.start().await?;
        loop {
            match self.wake().await {
                Wake::Command(Some(Command::Pair(request, reply))) => {
                    let _ = reply.send(self.pair(request).await?);
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
                    // The connection's task has died without a word.
                    self.discard_session().await;
                    self.ended(Loss::Connection).await?;
                }
                Wake::Time => self.on_time().await?,
                Wake::Abandoned => self.abandon().await,
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let connect_at = self.connect_at;
        let deadline = self.pairing.as_ref().map(|active| active.pairing.wake_at());
        let due = connect_at.into_iter().chain(deadline).min();
        let time = async {
            match due {
                Some(at) => clock::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let abandoned = async {
            match &self.pairing {
                Some(active) => active.frames.closed().await,
                None => std::future::pending().await,
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
            command = self.commands.recv() => Wake::Command(command),
            () = abandoned => Wake::Abandoned,
            () = time => Wake::Time,
        }
    }

    async fn stop(&mut self) {
        if let Some(active) = self.pairing.take() {
            let _ = active.frames.try_send(Frame::Failed(PairFailure::Stopping));
        }
        self.discard_session().await;
        if self.link().state == LinkState::Connected {
            self.enter(LinkState::Connecting, Some(Reason::Stopping));
        }
    }

    async fn on_report(&mut self, report: Report) -> Result<(), OpenError> {
        let input = match report {
            Report::Qr { payload, valid } => Input::Qr { payload, valid },
            Report::PhoneCode { code, valid } => Input::PhoneCode { code, valid },
            Report::PhoneCodeSpent => Input::PhoneCodeSpent,
            Report::PasskeyRequest(options) => Input::PasskeyRequest(options),
            Report::PasskeyConfirmation(code) => Input::PasskeyConfirmation(code),
            Report::PairingRefused(refusal) => Input::Refused(refusal),
            Report::Accepted { phone, lid } => {
                self.remember(phone.clone(), lid, clock::wall());
                self.enter(LinkState::Connecting, None);
                self.vault.flush().await;
                Input::Accepted(phone)
            }
            Report::LoggedIn => {
                self.logged_in();
                Input::LoggedIn
            }
            Report::Silent => {
                self.enter(LinkState::Connecting, Some(Reason::ConnectionLost));
                return Ok(());
            }
            Report::Ended(loss) => return self.ended(loss).await,
        };
        self.step(input).await
    }

    fn logged_in(&mut self) {
        let known = self
            .running
            .as_ref()
            .and_then(|running| running.session().account());
        if let Some((phone, lid)) = known {
            let linked_at = self
                .link()
                .account
                .map_or_else(clock::wall, |account| account.linked_at);
            self.remember(phone, lid, linked_at);
            self.retry.connected(clock::now());
            self.enter(LinkState::Connected, None);
        }
    }

    /// The connection has ended: the pairing decides what follows, or the retry rules.
    async fn ended(&mut self, loss: Loss) -> Result<(), OpenError> {
        if let Some(running) = &mut self.running {
            running.rejoin().await;
        }
        if let Some(error) = self
            .running
            .as_ref()
            .and_then(|running| running.session().dial_error())
        {
            tracing::warn!(%error, "WhatsApp cannot be reached");
        }
        if self.pairing.is_some() {
            if loss == Loss::CodesExhausted {
                self.discard_session().await;
            }
            self.step(Input::Lost(loss)).await?;
            // A link that the phone has accepted outlives its pairing, and then the retry rules decide.
            if self.pairing.is_some() || self.link().account.is_none() {
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
                self.enter(state, Some(reason));
                self.vault.flush().await;
            }
        }
        Ok(())
    }

    async fn on_time(&mut self) -> Result<(), OpenError> {
        let now = clock::now();
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
        self.step(Input::Tick).await
    }

    async fn open_session(&mut self) -> Result<(), OpenError> {
        let running = Running::open(&self.setup, &self.store).await?;
        self.show(|view| view.session = Some(running.session().clone()));
        self.running = Some(running);
        Ok(())
    }

    fn connect(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let started = running.connect();
        if let Some(Active { pairing, .. }) = &self.pairing
            && let Method::PhoneCode(phone) = pairing.method()
            && started
            && !pairing.is_accepted()
        {
            running.session().request_phone_code(phone.clone());
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
        self.enter_since(state, reason, clock::now());
    }

    /// Enters a state: tells the store, the view, the journal and the log, in that order.
    fn enter_since(&mut self, state: LinkState, reason: Option<Reason>, since: SystemTime) {
        let now = clock::now();
        let before = self.link();
        let link = Link {
            state,
            since,
            reason,
            ..before.clone()
        };
        record::keep(&self.vault, &link);
        self.show(|view| view.change(link.clone(), now));
        self.setup.journal.append(
            Occurrence::Link(Box::new(link.clone().shown_by(clock::shown))),
            now,
        );
        self.setup.traffic.count_link(&before, &link);
        line::log(&before, &link);
    }
}
