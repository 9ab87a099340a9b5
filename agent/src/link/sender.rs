//! Sends queued messages in order while connected. A send is completed even if its caller has gone: an interrupted one
//! would leave the encryption ratchet in an inconsistent state.
//!
//! The file of a message is uploaded to WhatsApp first. Meanwhile other messages are sent, except queued ones to the same
//! recipient.

use std::sync::Arc;
use std::time::SystemTime;

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_state::outbox::{AttemptError, Delivery, Outbox};
use openclaw_state::uploads::Uploads;
use openclaw_types::{LinkState, Nack, Outgoing, Phone, Recipient};
use openclaw_whatsapp::session::Session;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::recipients::Recipients;
use super::{View, uploads};

/// Files on their way to WhatsApp at the same time.
const MAX_TRANSFERS: usize = 2;

/// The task.
pub struct Sender {
    view: watch::Receiver<View>,
    outbox: Arc<Outbox>,
    recipients: Recipients,
    uploads: Arc<Uploads>,
    /// Messages whose files are on their way to WhatsApp.
    transfers: JoinSet<(Delivery, Result<(), AttemptError>)>,
    transfer_turns: Arc<Semaphore>,
}

/// What woke the task.
enum Woken {
    Changed,
    Transferred(Delivery, Result<(), AttemptError>),
    /// The owner of the link has gone.
    Gone,
}

/// A connection that can send.
struct Line {
    session: Session,
    account: Phone,
    /// When it was established; it identifies the connection.
    since: SystemTime,
}

impl Sender {
    pub(super) fn new(
        view: watch::Receiver<View>,
        outbox: Arc<Outbox>,
        recipients: Recipients,
        uploads: Arc<Uploads>,
    ) -> Self {
        Self {
            view,
            outbox,
            recipients,
            uploads,
            transfers: JoinSet::new(),
            transfer_turns: Arc::new(Semaphore::new(MAX_TRANSFERS)),
        }
    }

    /// Runs until the owner of the link ends.
    pub async fn run(mut self) {
        let mut connection = None;
        loop {
            let line = self.line();
            let present = line.as_ref().map(|line| line.since);
            let now = clock::now();
            if connection.is_some() && connection != present {
                self.outbox.connection_lost(now);
            }
            connection = present;
            self.outbox.expire(now);
            let turn = match &line {
                Some(line) => self.outbox.turn(&line.account, now),
                None => Err(self.outbox.next_deadline()),
            };
            let until = match (turn, line) {
                (Ok(delivery), Some(line)) => {
                    self.deliver(&line, delivery).await;
                    continue;
                }
                (Err(until), _) => until,
                (Ok(_), None) => None,
            };
            match self.wait(until).await {
                Woken::Gone => break,
                Woken::Transferred(delivery, result) => self.conclude(&delivery, result).await,
                Woken::Changed => {}
            }
        }
        self.outbox.connection_lost(clock::now());
    }

    async fn wait(&mut self, until: Option<SystemTime>) -> Woken {
        let due = async {
            match until {
                Some(at) => clock::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.outbox.changed() => Woken::Changed,
            changed = self.view.changed() => match changed {
                Ok(()) => Woken::Changed,
                Err(_) => Woken::Gone,
            },
            Some(joined) = self.transfers.join_next() => match joined {
                Ok((delivery, result)) => Woken::Transferred(delivery, result),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            () = due => Woken::Changed,
        }
    }

    fn line(&mut self) -> Option<Line> {
        let view = self.view.borrow_and_update();
        let up = view.link.state == LinkState::Connected;
        Some(Line {
            session: view.session.clone().filter(|_| up)?,
            account: view.link.account.as_ref()?.phone.clone(),
            since: view.link.since,
        })
    }

    fn is_restricted(&self) -> bool {
        self.view.borrow().link.restriction.is_some()
    }

    /// Whether a restricted account may write to this recipient, as far as is known here.
    async fn has_chat(&self, session: &Session, to: &Recipient) -> bool {
        self.outbox.has_reached(to)
            || session.has_token(to).await
            || self.recipients.has_written(to).await
    }

    /// Refuses a recipient that the rules no longer allow, or that a restriction of the account would refuse.
    async fn check_recipient(
        &self,
        session: &Session,
        delivery: &Delivery,
    ) -> Result<(), AttemptError> {
        self.recipients.check(delivery).await?;
        let restricted = delivery.queued && self.is_restricted();
        // It may end meanwhile.
        if restricted && !self.has_chat(session, &delivery.to).await && self.is_restricted() {
            return Err(AttemptError::Restricted);
        }
        Ok(())
    }

    /// Sends a message, or begins with its file.
    async fn deliver(&mut self, line: &Line, delivery: Delivery) {
        let outgoing = Outgoing::decode(&delivery.payload);
        let media = outgoing.as_ref().and_then(|it| Some(it.file()?.media));
        let Some(media) = media.filter(|media| self.uploads.hosted(*media).is_none()) else {
            let result = self.attempt(&line.session, &delivery, outgoing).await;
            self.outbox.report(&delivery, result, clock::now());
            return;
        };
        if let Err(error) = self.check_recipient(&line.session, &delivery).await {
            self.outbox.report(&delivery, Err(error), clock::now());
            return;
        }
        self.outbox.set_transferring(&delivery, true);
        let (session, uploads) = (line.session.clone(), Arc::clone(&self.uploads));
        let turns = Arc::clone(&self.transfer_turns);
        self.transfers.spawn(async move {
            let _turn = turns.acquire().await;
            // First, so that a file for a recipient who does not exist is not uploaded.
            let result = match session.check(&delivery.to).await {
                Ok(()) => uploads::host(&uploads, &session, media).await,
                Err(error) => Err(error),
            };
            (delivery, result)
        });
    }

    /// Sends a message whose file is at WhatsApp, over the connection that there is now.
    async fn conclude(&mut self, delivery: &Delivery, transferred: Result<(), AttemptError>) {
        self.outbox.set_transferring(delivery, false);
        let line = self.line();
        let line = line.filter(|line| line.account == delivery.account);
        let result = match (transferred, line) {
            (Err(error), _) => Err(error),
            (Ok(()), _) if self.outbox.hold().is_some() => Err(AttemptError::Held),
            (Ok(()), None) => Err(AttemptError::NotConnected),
            // Nothing was sent: it expires.
            (Ok(()), Some(_)) if self.outbox.is_late(delivery, clock::now()) => {
                Err(AttemptError::NotConnected)
            }
            (Ok(()), Some(line)) => {
                let outgoing = Outgoing::decode(&delivery.payload);
                self.attempt(&line.session, delivery, outgoing).await
            }
        };
        self.outbox.report(delivery, result, clock::now());
    }

    /// `outgoing` is the decoded payload; `None` if this version cannot decode it.
    async fn attempt(
        &self,
        session: &Session,
        delivery: &Delivery,
        outgoing: Option<Outgoing>,
    ) -> Result<(), AttemptError> {
        self.check_recipient(session, delivery).await?;
        if delivery.refused.is_some_and(Nack::is_stale_group) {
            session.refresh_group(&delivery.to).await;
        }
        session.check(&delivery.to).await?;
        let Some(outgoing) = outgoing else {
            tracing::error!(
                id = delivery.id.as_str(),
                hint = "start the newer version of the agent, which can read it",
                "queued message has an unknown format, kept"
            );
            return Err(AttemptError::NotEncrypted);
        };
        let file = outgoing.file().map(|file| {
            let upload = self.uploads.load(file.media)?;
            Some((upload, self.uploads.hosted(file.media)?))
        });
        let file = match file {
            Some(None) => return Err(AttemptError::FileGone),
            file => file.flatten(),
        };
        let file = file.as_ref().map(|(upload, hosted)| (upload, hosted));
        self.outbox.hand_over(delivery, clock::now()).await;
        failpoint::pass(Failpoint::Claimed);
        let sent = session
            .send(&delivery.to, &delivery.id, &outgoing, file)
            .await;
        failpoint::pass(Failpoint::Handed);
        sent
    }
}
