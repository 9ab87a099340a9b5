//! Handles refusals: WhatsApp's server answers a message with an error in the ack. In that case it has delivered
//! nothing.
//!
//! ```text
//! passing      retried with the same id and increasing delays while it is queued or its caller waits
//! restricted   a queued message waits until the restriction ends; a direct one has failed, and a caller's retry with its
//!              token works again after a pause
//! final        failed
//! ```
//!
//! The same id makes a retry the same message for WhatsApp and for the recipients.

use std::time::SystemTime;

use openclaw_types::{MessageId, Nack, NackClass, SendReason, Token};
use openclaw_vault::Batch;

use super::entry::{AttemptError, Stage};
use super::{Outbox, State, row};

impl Outbox {
    /// Records that WhatsApp's server refused the message with this code. Returns true if the message exists and was
    /// not final.
    pub fn refused(&self, id: &MessageId, nack: Nack, now: SystemTime) -> bool {
        let state = &mut *self.state();
        let Some(order) = state.messages.by_id(id) else {
            return false;
        };
        let Some(entry) = state.messages.get(order).filter(|it| !it.is_settled()) else {
            return false;
        };
        entry.sent.nack = Some(nack);
        match nack.class() {
            NackClass::Passing => self.try_again(state, order, nack, now),
            NackClass::Restricted if entry.is_queued() => self.wait_restricted(state, order, now),
            NackClass::Restricted => {
                entry.restricted_at = Some(now);
                self.settle_failed(state, order, SendReason::Restricted, now);
            }
            NackClass::Final => self.settle_failed(state, order, SendReason::RefusedByServer, now),
        }
        true
    }

    fn wait_restricted(&self, state: &mut State, order: u64, now: SystemTime) {
        let Some(entry) = state.messages.get(order) else {
            return;
        };
        entry.undo_hand_over();
        entry.try_after_restriction(now);
        let mut batch = Batch::new();
        row::put(&mut batch, entry);
        self.vault.write(&batch);
        entry.notify();
        state.messages.settle(order);
        self.work.notify_one();
    }

    /// The restriction has ended: messages that wait for its end are sent now.
    pub fn restriction_ended(&self, now: SystemTime) {
        let state = &mut *self.state();
        let waiting = state.messages.in_line();
        let waiting = waiting.filter(|entry| entry.last_error == Some(AttemptError::Restricted));
        let orders: Vec<u64> = waiting.map(|entry| entry.order).collect();
        for order in orders {
            if let Some(entry) = state.messages.get(order)
                && matches!(entry.stage, Stage::Waiting(_))
            {
                entry.stage = Stage::Waiting(now);
                state.messages.settle(order);
            }
        }
        self.work.notify_one();
    }

    fn try_again(&self, state: &mut State, order: u64, nack: Nack, now: SystemTime) {
        let Some(entry) = state.messages.get(order) else {
            return;
        };
        entry.undo_hand_over();
        let last_error = Some(AttemptError::ServerError(nack));
        if entry.is_queued() {
            entry.try_later(now);
            entry.last_error = last_error;
            let mut batch = Batch::new();
            row::put(&mut batch, entry);
            self.vault.write(&batch);
        } else if entry.payload.is_some() && entry.followers() > 0 {
            entry.try_later(now);
            entry.last_error = last_error;
        } else {
            entry.rest(last_error);
        }
        entry.notify();
        state.messages.settle(order);
        self.work.notify_one();
    }

    /// Called when a caller stops waiting. A direct message that only waits for a retry is abandoned.
    pub fn give_up(&self, token: &Token) {
        let state = &mut *self.state();
        let Some(order) = state.messages.by_token(token) else {
            return;
        };
        let Some(entry) = state.messages.get(order) else {
            return;
        };
        let waits = matches!(entry.stage, Stage::Waiting(_)) && entry.sent.nack.is_some();
        if waits && !entry.is_queued() && entry.followers() <= 1 {
            entry.rest(entry.last_error);
            entry.notify();
            state.messages.settle(order);
        }
    }
}
