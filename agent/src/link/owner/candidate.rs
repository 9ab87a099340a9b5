//! The new device of a pairing. Its keys are in memory, separate from the account in the store, and it has its own
//! connections. Dropping it leaves nothing behind and does not affect the existing link.

use std::time::SystemTime;

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_state::vault::Tables;
use openclaw_types::{Account, Lid, Link, LinkState, Phone, Reason};
use openclaw_whatsapp::session::{Loss, OpenError, Report, Session, Setup};
use openclaw_whatsapp::store::Store;

use super::Owner;
use crate::link::Method;
use crate::link::record;
use crate::link::retry::Retry;
use crate::link::running::Running;

/// The device, with its session if there is one.
pub(super) struct Candidate {
    store: Store,
    running: Option<Running>,
    /// When to connect.
    pub(super) connect_at: Option<SystemTime>,
    /// The account that has accepted it.
    accepted: Option<(Phone, Option<Lid>)>,
    /// With the name that it is linked under.
    setup: Setup,
}

impl Candidate {
    /// With new keys.
    pub(super) async fn open(setup: Setup, store: &Store) -> Result<Self, OpenError> {
        let mut candidate = Self {
            store: store.aside(),
            running: None,
            connect_at: Some(clock::now()),
            accepted: None,
            setup,
        };
        candidate.reopen().await?;
        Ok(candidate)
    }

    async fn reopen(&mut self) -> Result<(), OpenError> {
        if self.running.is_none() {
            self.running = Some(Running::open(&self.setup, &self.store).await?);
        }
        Ok(())
    }

    pub(super) async fn report(&mut self) -> Option<Report> {
        match &mut self.running {
            Some(running) => running.report().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn ask_for_code(&self, phone: Phone) {
        if let Some(running) = &self.running {
            running.session().request_phone_code(phone);
        }
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.running.as_ref().map(|it| it.session().clone())
    }

    async fn discard_session(&mut self) {
        if let Some(running) = self.running.take() {
            running.close().await;
        }
    }

    pub(super) async fn close(mut self) {
        self.discard_session().await;
    }
}

impl Owner {
    pub(super) async fn on_candidate(&mut self, report: Option<Report>) {
        match &report {
            Some(Report::Accepted { phone, lid }) => {
                failpoint::pass(Failpoint::Accepted);
                if let Some(candidate) = self.candidate() {
                    candidate.accepted = Some((phone.clone(), lid.clone()));
                }
                let link = self.link();
                if link.account.is_none() || link.is_dead() {
                    // The phone's acceptance is stored, so it survives this process.
                    let before = self.adopt().await;
                    remove_device(before).await;
                }
            }
            Some(Report::LoggedIn) => {
                let before = self.adopt().await;
                self.logged_in();
                remove_device(before).await;
            }
            Some(Report::Expires(at)) => self.expires(*at),
            Some(Report::Ended(loss)) => self.candidate_ended(*loss).await,
            Some(_) => {}
            None => {
                if let Some(candidate) = self.candidate() {
                    candidate.discard_session().await;
                }
            }
        }
        // Without a report, the connection's task has panicked.
        self.step(report.unwrap_or(Report::Ended(Loss::Connection)))
            .await;
    }

    async fn candidate_ended(&mut self, loss: Loss) {
        if let Some(candidate) = self.candidate() {
            if let Some(running) = &mut candidate.running {
                running.rejoin().await;
                running.log_dial_error();
            }
            if loss == Loss::CodesExhausted {
                candidate.discard_session().await;
            }
        }
    }

    /// Connects the new device, if it is due.
    pub(super) async fn connect_candidate(&mut self, now: SystemTime) -> Result<(), OpenError> {
        let Some(active) = &mut self.pairing else {
            return Ok(());
        };
        let Some(candidate) = &mut active.candidate else {
            return Ok(());
        };
        if candidate.connect_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        candidate.connect_at = None;
        candidate.reopen().await?;
        let started = candidate.running.as_mut().is_some_and(Running::connect);
        if started
            && let Method::PhoneCode(phone) = active.pairing.method()
            && !active.pairing.is_accepted()
        {
            candidate.ask_for_code(phone.clone());
        }
        Ok(())
    }

    pub(super) fn candidate(&mut self) -> Option<&mut Candidate> {
        self.pairing.as_mut()?.candidate.as_mut()
    }

    /// Replaces the old device by the new one, durably and atomically: a process killed before has the old link, one
    /// killed after has the new one. Returns the old session, so that WhatsApp is asked to remove it only afterwards.
    async fn adopt(&mut self) -> Option<Before> {
        let active = self.pairing.as_mut();
        let candidate = active.and_then(|active| {
            let accepted = |candidate: &mut Candidate| candidate.accepted.is_some();
            active.candidate.take_if(accepted)
        })?;
        let Candidate {
            store,
            running,
            connect_at,
            accepted,
            setup,
        } = candidate;
        let device = setup.device.name;
        let (phone, lid) = accepted?;
        let Link {
            account: before,
            expires_at,
            restriction,
            ..
        } = self.link();
        let account = Account {
            phone,
            lid,
            linked_at: clock::now(),
            device,
        };
        let same = before.as_ref().is_some_and(|it| it.phone == account.phone);
        let restriction = restriction.filter(|_| same);
        let link = Link {
            state: LinkState::Connecting,
            since: account.linked_at,
            account: Some(account.clone()),
            reason: None,
            code: None,
            expires_at,
            restriction: restriction.clone(),
        };
        record::keep(store.vault(), &link);
        // Messages to this account whose sender is not resolved yet.
        let keep: &[_] = if same { &[Tables::HELD] } else { &[] };
        failpoint::pass(Failpoint::Adopting);
        self.vault
            .adopt(store.vault(), Some(self.account.vault()), keep);
        failpoint::pass(Failpoint::Adopted);
        // The new device has no session whose keys could have been used.
        self.setup.outbox.end_hold();
        self.account = store;
        let old = std::mem::replace(&mut self.running, running);
        self.connect_at = connect_at;
        self.retry = Retry::default();
        if before.is_some() {
            self.update(|link| link.account = None);
            self.enter(LinkState::Unlinked, Some(Reason::Unpaired));
        }
        let session = self.running.as_ref().map(|it| it.session().clone());
        self.show(|view| {
            view.link.account = Some(account);
            view.link.restriction = restriction;
            view.session = session;
        });
        self.enter(LinkState::Connecting, None);
        self.vault.flush().await;
        before.map(|_| Before(old))
    }
}

/// The session of a replaced account, if it had one.
struct Before(Option<Running>);

/// Asks WhatsApp to remove a replaced device, over its own session. Best effort.
async fn remove_device(before: Option<Before>) {
    let Some(Before(session)) = before else {
        return;
    };
    let removed = match session {
        Some(session) => session.remove_device().await,
        None => false,
    };
    failpoint::pass(Failpoint::Removed);
    if removed {
        tracing::info!("WhatsApp removed the replaced device");
    } else {
        tracing::warn!(
            hint = "remove it on the phone under Linked devices if it is still listed",
            "replaced device: removal not confirmed by WhatsApp"
        );
    }
}
