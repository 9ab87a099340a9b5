//! Selects the next message and records the result of its attempt, for the task that hands messages to WhatsApp one
//! by one.

use std::sync::Arc;
use std::time::SystemTime;

use openclaw_types::{MessageId, Nack, Payload, Phone, Recipient, SendReason, SendState, Token};
use openclaw_vault::Batch;

use super::entry::{AttemptError, Stage};
use super::messages::Turn;
use super::{Outbox, State, row};

/// A message that is being sent. Report the result with [`Outbox::report`].
#[derive(Debug)]
pub struct Delivery {
    order: u64,
    /// The message id, the same for all attempts.
    pub id: MessageId,
    /// The recipient.
    pub to: Recipient,
    /// The account that sends it.
    pub account: Phone,
    /// The contents.
    pub payload: Arc<Payload>,
    /// The code of an earlier refusal by WhatsApp's server.
    pub refused: Option<Nack>,
    /// True if the message is queued. If false, a caller waits for it.
    pub queued: bool,
}

impl Outbox {
    /// The next message to send over the connection of `account`; if there is none, the time to ask again.
    pub fn turn(&self, account: &Phone, now: SystemTime) -> Result<Delivery, Option<SystemTime>> {
        let state = &mut *self.state();
        for order in state.messages.of_others(account) {
            self.settle_failed(state, order, SendReason::OtherAccount, now);
        }
        loop {
            let State {
                messages,
                pace,
                holding,
            } = state;
            if holding.is_held() {
                return Err(messages.next_deadline());
            }
            let order = match messages.turn(account, pace, now) {
                Turn::Of(order) => order,
                Turn::Idle(at) => {
                    let deadline = messages.next_deadline();
                    return Err(at.into_iter().chain(deadline).min());
                }
            };
            let Some(entry) = messages.get(order) else {
                return Err(None);
            };
            if entry.is_abandoned() {
                entry.rest(entry.last_error);
                state.messages.settle(order);
                continue;
            }
            let queued = entry.is_queued();
            let payload = match &entry.payload {
                Some(payload) => Some(Arc::clone(payload)),
                None => row::load_payload(&self.vault, &entry.sent.token).map(Arc::new),
            };
            let Some(payload) = payload else {
                tracing::error!(
                    id = entry.sent.id.as_str(),
                    hint = "send it again with another token",
                    "queued message has no payload, marked as failed"
                );
                self.settle_failed(state, order, SendReason::Unconfirmed, now);
                continue;
            };
            if queued {
                pace.take(&entry.to, now);
            }
            entry.stage = Stage::Busy(entry.handed_at);
            return Ok(Delivery {
                order,
                id: entry.sent.id.clone(),
                to: entry.to.clone(),
                account: account.clone(),
                payload,
                refused: entry.sent.nack,
                queued,
            });
        }
    }

    /// How far the message of this token has come; `None` if there is none, or nothing happens to it unless its caller
    /// retries.
    #[must_use]
    pub fn progress_of(&self, token: &Token) -> Option<SendState> {
        let messages = &mut self.state().messages;
        let order = messages.by_token(token)?;
        let entry = messages.get(order)?;
        let rests = entry.stage == Stage::Resting && !entry.is_queued() && !entry.is_settled();
        (!rests).then_some(entry.sent.state)
    }

    /// The time at which [`Outbox::expire`] must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<SystemTime> {
        self.state().messages.next_deadline()
    }

    /// True if the deadline of a queued message passed during its attempt.
    #[must_use]
    pub fn is_late(&self, delivery: &Delivery, now: SystemTime) -> bool {
        let state = &mut *self.state();
        let entry = state.messages.get(delivery.order);
        let until = entry.and_then(|entry| entry.until);
        until.is_some_and(|until| until <= now)
    }

    /// Fails messages whose deadline has passed.
    pub fn expire(&self, now: SystemTime) {
        let state = &mut *self.state();
        for (order, why) in state.messages.overdue(now) {
            self.settle_failed(state, order, why, now);
        }
        state.messages.drop_late_payloads(now);
    }

    /// The file of a message is on its way to WhatsApp, or no longer: callers wait for that without a limit.
    pub fn set_transferring(&self, delivery: &Delivery, transferring: bool) {
        let state = &mut *self.state();
        if let Some(entry) = state.messages.get(delivery.order) {
            entry.transferring = transferring;
            entry.notify();
        }
    }

    /// Returns once the row of the message is durable and records that the message may have been sent. Await this
    /// right before the message can reach the wire.
    pub async fn hand_over(&self, delivery: &Delivery, now: SystemTime) {
        let written = {
            let state = &mut *self.state();
            let Some(entry) = state.messages.get(delivery.order) else {
                return;
            };
            entry.handed_at = Some(now);
            if entry.is_queued() {
                let mut batch = Batch::new();
                row::put(&mut batch, entry);
                entry.written = Some(self.vault.write(&batch));
            }
            entry.written
        };
        if let Some(written) = written {
            self.vault.durable(written).await;
        }
    }

    /// Records the result of an attempt.
    pub fn report(&self, delivery: &Delivery, result: Result<(), AttemptError>, now: SystemTime) {
        let state = &mut *self.state();
        let Some(entry) = state.messages.get(delivery.order) else {
            return;
        };
        let Stage::Busy(before) = entry.stage else {
            return;
        };
        entry.last_error = result.err();
        match result {
            Ok(()) => {
                // A refusal by the server is recorded elsewhere, after this.
                if entry.sent.nack.is_none() {
                    entry.attempts = 0;
                }
                entry.stage = Stage::Handed(now);
                entry.handed_before = before;
                state.messages.bound_payloads(delivery.order);
            }
            Err(AttemptError::Refused(nack)) => {
                entry.sent.nack = Some(nack);
                self.settle_failed(state, delivery.order, SendReason::RefusedByServer, now);
                return;
            }
            Err(error) if entry.is_queued() && final_reason(error).is_some() => {
                // An earlier attempt may have sent it.
                let why = match before {
                    Some(_) => Some(SendReason::Unconfirmed),
                    None => final_reason(error),
                };
                if let Some(why) = why {
                    self.settle_failed(state, delivery.order, why, now);
                }
                return;
            }
            Err(AttemptError::ConnectionLost) if entry.is_queued() => entry.try_later(now),
            Err(AttemptError::ConnectionLost) => entry.rest(Some(AttemptError::ConnectionLost)),
            // Nothing was sent, so the state from before the attempt applies again.
            Err(_) => {
                self.undo_attempt(state, delivery.order, before, now);
                return;
            }
        }
        if let Some(entry) = state.messages.get(delivery.order) {
            entry.notify();
        }
        state.messages.settle(delivery.order);
    }

    /// Undoes an attempt that sent nothing; an earlier attempt handed the message over at `before`.
    fn undo_attempt(
        &self,
        state: &mut State,
        order: u64,
        before: Option<SystemTime>,
        now: SystemTime,
    ) {
        let Some(entry) = state.messages.get(order) else {
            return;
        };
        let delivery_to = entry.to.clone();
        let is_told = entry.handed_at != before && entry.is_queued();
        entry.handed_at = before;
        let mut batch = Batch::new();
        if entry.is_queued() && entry.last_error == Some(AttemptError::Restricted) {
            entry.try_after_restriction(now);
            state.pace.give_back(&delivery_to);
        } else if entry.is_queued() {
            entry.try_later(now);
        } else {
            entry.rest(entry.last_error);
        }
        let unsent = !entry.is_queued() && before.is_none();
        entry.notify();
        if unsent {
            row::delete(&mut batch, &entry.sent.token);
        } else if is_told {
            row::put(&mut batch, entry);
        }
        self.vault.write(&batch);
        state.messages.settle(order);
        if unsent {
            state.messages.remove(order);
        }
    }

    /// Handles a lost connection: direct messages report the outcome to their callers, queued ones are sent again
    /// over the next connection.
    pub fn connection_lost(&self, now: SystemTime) {
        let state = &mut *self.state();
        let unsent = state.messages.connection_lost(now);
        self.remove(state, unsent);
    }
}

/// Why a queued message fails at once: no later attempt has another outcome.
const fn final_reason(error: AttemptError) -> Option<SendReason> {
    match error {
        AttemptError::NotOnWhatsApp => Some(SendReason::NotOnWhatsapp),
        AttemptError::FileRefused(_) => Some(SendReason::FileRefused),
        AttemptError::FileGone => Some(SendReason::FileGone),
        AttemptError::NotAllowedTo => Some(SendReason::NotAllowedTo),
        _ => None,
    }
}
