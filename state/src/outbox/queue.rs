//! Listing and cancelling of queued messages.

use std::time::SystemTime;

use openclaw_types::{ChatId, Contact, MessageId, Nack, Recipient, SendReason, SendState, Token};

use super::Outbox;
use super::entry::AttemptError;
use super::entry::{Entry, Stage};
use crate::journal::Written;

/// A queued message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The position in the queue; increasing.
    pub order: u64,
    /// The caller's token.
    pub token: Token,
    /// WhatsApp's message id.
    pub id: MessageId,
    /// The recipient.
    pub to: Recipient,
    /// When it was queued.
    pub since: SystemTime,
    /// Its deadline.
    pub until: SystemTime,
    /// True if it was handed to WhatsApp and the ack has not arrived.
    pub handed: bool,
    /// The number of consecutive failed attempts.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<AttemptError>,
    /// When the next attempt can take place.
    pub retry_at: Option<SystemTime>,
    /// The code of the last refusal by WhatsApp's server.
    pub nack: Option<Nack>,
    /// True if sends are held.
    pub held: bool,
}

/// A message that was given to Send, for what is about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMessage {
    /// The recipient.
    pub to: Recipient,
    /// When WhatsApp's server acknowledged it, by its clock.
    pub server_ack_at: Option<SystemTime>,
    /// When it was accepted, in the agent's time.
    pub accepted_at: SystemTime,
    /// It will not be sent.
    pub failed: bool,
}

/// A cancelled message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// WhatsApp's message id.
    pub id: MessageId,
    /// True if the message never left the agent. If false, an earlier attempt may have sent it.
    pub never_sent: bool,
}

/// Why a message cannot be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CancelDenied {
    /// The token is unknown.
    #[error("no message has this token")]
    Unknown,
    /// The message is final, or is not queued.
    #[error("the message is not queued")]
    NotWaiting,
    /// The message is being handed to WhatsApp.
    #[error("the message is on its way to WhatsApp")]
    Underway,
}

impl Outbox {
    /// The message with this id, if this account sent it.
    #[must_use]
    pub fn written(&self, id: &MessageId) -> Option<Written> {
        let messages = &mut self.state().messages;
        let order = messages.by_id(id)?;
        let entry = messages.get(order)?;
        Some(Written {
            chat: ChatId::from(&entry.to),
            author: Contact::default(),
            ours: true,
        })
    }

    /// The message of that id, if it was given to Send.
    #[must_use]
    pub fn own(&self, id: &MessageId) -> Option<OwnMessage> {
        let messages = &mut self.state().messages;
        let order = messages.by_id(id)?;
        let entry = messages.get(order)?;
        Some(OwnMessage {
            to: entry.to.clone(),
            server_ack_at: entry.sent.server_ack_at,
            accepted_at: entry.created_at,
            failed: entry.sent.state == SendState::Failed,
        })
    }

    /// True if WhatsApp's server accepted an earlier message to this recipient.
    #[must_use]
    pub fn has_reached(&self, to: &Recipient) -> bool {
        let mut state = self.state();
        let mut entries = state.messages.all();
        entries.any(|entry| entry.to == *to && entry.sent.server_ack_at.is_some())
    }

    /// All queued messages, oldest first.
    #[must_use]
    pub fn queued(&self) -> Vec<Queued> {
        let state = self.state();
        let held = state.holding.is_held();
        let queued = state.messages.in_line().filter_map(queued);
        queued.map(|queued| Queued { held, ..queued }).collect()
    }

    /// The number of queued messages.
    #[must_use]
    pub fn queue_length(&self) -> usize {
        self.state().messages.queued()
    }

    /// Cancels a queued message. Call [`Outbox::durable`] to make it durable.
    pub fn cancel(&self, token: &Token, now: SystemTime) -> Result<Cancelled, CancelDenied> {
        let state = &mut *self.state();
        let order = state.messages.by_token(token);
        let order = order.ok_or(CancelDenied::Unknown)?;
        let entry = state.messages.get(order).ok_or(CancelDenied::Unknown)?;
        if !entry.is_queued() {
            return Err(CancelDenied::NotWaiting);
        }
        if matches!(entry.stage, Stage::Busy(_) | Stage::Handed(_)) {
            return Err(CancelDenied::Underway);
        }
        let cancelled = Cancelled {
            id: entry.sent.id.clone(),
            never_sent: entry.handed_at.is_none(),
        };
        let why = if cancelled.never_sent {
            SendReason::Cancelled
        } else {
            SendReason::Unconfirmed
        };
        self.settle_failed(state, order, why, now);
        Ok(cancelled)
    }
}

fn queued(entry: &Entry) -> Option<Queued> {
    let until = entry.until.filter(|_| entry.is_queued())?;
    let retry_at = match entry.stage {
        Stage::Waiting(at) if entry.attempts > 0 => Some(at),
        _ => None,
    };
    Some(Queued {
        order: entry.order,
        token: entry.sent.token.clone(),
        id: entry.sent.id.clone(),
        to: entry.to.clone(),
        since: entry.created_at,
        until,
        handed: matches!(entry.stage, Stage::Handed(_)),
        attempts: entry.attempts,
        last_error: entry.last_error,
        retry_at,
        nack: entry.sent.nack,
        held: false,
    })
}
