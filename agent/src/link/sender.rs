//! Sends queued messages in order while connected. A send is completed even if its caller has gone: an interrupted one
//! would leave the encryption ratchet in an inconsistent state.

use std::sync::Arc;
use std::time::SystemTime;

use openclaw_state::clock;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_state::outbox::{AttemptError, Delivery, Outbox};
use openclaw_types::{LinkState, Nack, Outgoing, Phone, Recipient};
use openclaw_whatsapp::session::Session;
use tokio::sync::watch;

use super::View;
use super::recipients::Recipients;

/// The task.
pub struct Sender {
    view: watch::Receiver<View>,
    outbox: Arc<Outbox>,
    recipients: Recipients,
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
    ) -> Self {
        Self {
            view,
            outbox,
            recipients,
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
            match (turn, line) {
                (Ok(delivery), Some(line)) => self.deliver(&line.session, &delivery).await,
                (Err(Some(at)), _) => {
                    let woken = tokio::select! {
                        woken = self.woken() => woken,
                        () = clock::sleep_until(at) => true,
                    };
                    if !woken {
                        break;
                    }
                }
                _ => {
                    if !self.woken().await {
                        break;
                    }
                }
            }
        }
        self.outbox.connection_lost(clock::now());
    }

    /// `false` if the owner has ended.
    async fn woken(&mut self) -> bool {
        tokio::select! {
            () = self.outbox.changed() => true,
            changed = self.view.changed() => changed.is_ok(),
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

    async fn deliver(&self, session: &Session, delivery: &Delivery) {
        let result = self.attempt(session, delivery).await;
        self.outbox.report(delivery, result, clock::now());
    }

    async fn attempt(&self, session: &Session, delivery: &Delivery) -> Result<(), AttemptError> {
        self.recipients.check(delivery).await?;
        if delivery.refused.is_some_and(Nack::is_stale_group) {
            session.refresh_group(&delivery.to).await;
        }
        if delivery.queued && self.is_restricted() && !self.has_chat(session, &delivery.to).await {
            return Err(AttemptError::Restricted);
        }
        session.check(&delivery.to).await?;
        let Some(outgoing) = Outgoing::decode(&delivery.payload) else {
            tracing::error!(
                id = delivery.id.as_str(),
                hint = "start the newer version of the agent, which can read it",
                "queued message has an unknown format, kept"
            );
            return Err(AttemptError::NotEncrypted);
        };
        self.outbox.hand_over(delivery, clock::now()).await;
        failpoint::pass(Failpoint::Claimed);
        let sent = session.send(&delivery.to, &delivery.id, &outgoing).await;
        failpoint::pass(Failpoint::Handed);
        sent
    }
}
