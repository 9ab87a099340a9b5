//! What waits to be sent: seen, and taken back.

use std::time::SystemTime;

use openclaw_types::{ChatId, Contact, MessageId, Nack, Recipient, SendReason, Token};

use super::Outbox;
use super::entry::AttemptError;
use super::entry::{Entry, Stage};
use crate::journal::Written;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its place in the queue: later ones have greater numbers.
    pub order: u64,
    /// The caller's name for it.
    pub token: Token,
    /// WhatsApp's id.
    pub id: MessageId,
    /// The recipient.
    pub to: Recipient,
    /// Since when.
    pub since: SystemTime,
    /// Until when at the most.
    pub until: SystemTime,
    /// It has been handed to WhatsApp, whose ack has not come.
    pub handed: bool,
    /// Attempts in a row that did not bring it out.
    pub attempts: u32,
    /// Why the last one did not.
    pub last_error: Option<AttemptError>,
    /// Not before this time is it tried again.
    pub retry_at: Option<SystemTime>,
    /// The code with which WhatsApp's server refused it last.
    pub nack: Option<Nack>,
    /// Sends are held.
    pub held: bool,
}

/// A message that is not sent any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// WhatsApp's id.
    pub id: MessageId,
    /// It never left the agent. If false it may have reached WhatsApp before.
    pub never_sent: bool,
}

/// The message is not taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CancelDenied {
    /// The token is unknown.
    #[error("no message has this token")]
    Unknown,
    /// It is at its end, or does not wait.
    #[error("the message is not queued")]
    NotWaiting,
    /// It is being handed to WhatsApp.
    #[error("the message is on its way to WhatsApp")]
    Underway,
}

impl Outbox {
    /// The message of that id, if it is one of ours.
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

    /// Every message that is kept until it is sent, oldest first.
    #[must_use]
    pub fn queued(&self) -> Vec<Queued> {
        let state = self.state();
        let held = state.holding.is_held();
        let queued = state.messages.in_line().filter_map(queued);
        queued.map(|queued| Queued { held, ..queued }).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn queue_length(&self) -> usize {
        self.state().messages.queued()
    }

    /// Takes a message back that waits. [`Outbox::durable`] makes that final.
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
