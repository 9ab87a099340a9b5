//! Outgoing messages and their progress. A token identifies one message, whatever happens in between.
//!
//! ```text
//! submit ──> waiting ──> busy ──> handed ──> server ack ──> delivered ──> read
//!               ^          │        │ connection lost
//!               └──────────┴────────┘ queued ones; a direct one rests until its caller retries, with the same id
//! ```
//!
//! A message's id and row are durable before the message reaches the wire, and a new state is written in one batch
//! with its event. A queued message is stored until it can be sent; a direct one exists while its caller waits. The
//! outbox sends nothing itself: [`Outbox::turn`] returns the next message. It knows neither WhatsApp's library nor
//! gRPC.

mod attempt;
mod carried;
mod entry;
mod hold;
mod messages;
mod pace;
mod queue;
mod refused;
mod row;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openclaw_types::{
    ChatId, EventData, LinkState, MessageId, Payload, Phone, Recipient, SendOutcome, SendReason,
    SendState, Sent, Token,
};
use openclaw_vault::Batch;
use tokio::sync::{Notify, watch};

use crate::journal::Journal;
use crate::vault::Vault;
use entry::{Entry, Stage};
use hold::Holding;
use messages::Messages;
use pace::Pace;

pub use attempt::Delivery;
pub use carried::Carried;
pub use entry::{AttemptError, Fingerprint, Progress, fingerprint};
pub use hold::Hold;
pub use pace::Pacing;
pub use queue::{CancelDenied, Cancelled, OwnMessage, Queued};

/// The maximum number of direct messages that wait for their turn.
const MAX_DIRECT_MESSAGES: usize = 64;

/// The limits for sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The rate.
    pub pacing: Pacing,
    /// The maximum number of queued messages.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pacing: Pacing::default(),
            queue: 1000,
        }
    }
}

/// The outbox.
pub struct Outbox {
    vault: Vault,
    journal: Arc<Journal>,
    limits: Limits,
    state: Mutex<State>,
    work: Notify,
}

struct State {
    messages: Messages,
    pace: Pace,
    holding: Holding,
}

/// A caller's request to send a message.
#[derive(Clone, Debug)]
pub struct SubmitRequest {
    /// What the caller asked for: the same token with another one is refused.
    pub draft: Fingerprint,
    /// The recipient.
    pub to: Recipient,
    /// What to send.
    pub payload: Payload,
    /// The id to use if the token is new.
    pub id: MessageId,
    /// The account that sends the message.
    pub account: Phone,
    /// Why the account is not connected, if it is not.
    pub down: Option<Down>,
    /// Queue the message until this time if it cannot be sent at once.
    pub until: Option<SystemTime>,
    /// True if the recipient is the account itself.
    pub is_own: bool,
}

/// The state of a link that is not connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// The state of the link.
    pub state: LinkState,
    /// What the user should do; may be empty.
    pub hint: String,
}

/// Why a message is rejected. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitDenied {
    /// The token belongs to another message.
    #[error("the token was used for another message")]
    TokenReused,
    /// The message cannot be sent now and may not be queued.
    #[error("the agent is not connected to WhatsApp: {}", .0.state.name())]
    NotConnected(Down),
    /// The rate limit, which avoids being taken for spam, is reached. The message may be sent at this time.
    #[error("too many messages were sent in a short time")]
    Paced(SystemTime),
    /// Too many direct messages wait for their turn.
    #[error("too many messages wait to be sent")]
    Busy,
    /// The queue is full.
    #[error("the queue is full: {0} messages are waiting")]
    QueueFull(usize),
    /// Sends are held: the store was rolled back, and no admin has decided yet.
    #[error("nothing is sent: the agent's store was rolled back, its volume is an older copy")]
    Held,
}

impl State {
    /// Loads the messages from the vault.
    fn load(vault: &Vault, limits: Limits) -> Self {
        let mut state = State {
            messages: Messages::default(),
            pace: Pace::new(limits.pacing),
            holding: Holding::load(vault),
        };
        for entry in row::load(vault) {
            state.messages.insert(entry);
        }
        state
    }
}

impl Outbox {
    /// Loads the outbox from the vault. Call [`Outbox::resume`] next.
    #[must_use]
    pub fn open(vault: Vault, journal: Arc<Journal>, limits: Limits) -> Self {
        let state = State::load(&vault, limits);
        if state.holding.is_held() {
            tracing::error!(
                hint = "decide with `openclawctl rollback renew` or `openclawctl rollback accept`",
                "sends held: store rolled back"
            );
        }
        Self {
            vault,
            journal,
            limits,
            state: Mutex::new(state),
            work: Notify::new(),
        }
    }

    /// Continues at `now` after a restart. Stored times in the future are treated as now. Deadlines are brought
    /// forward by `uncounted`: time that has passed according to the system clock but not in agent time.
    pub fn resume(&self, now: SystemTime, uncounted: Duration) {
        let state = &mut *self.state();
        let mut batch = Batch::new();
        let mut handed = Vec::new();
        for entry in state.messages.all() {
            entry.created_at = entry.created_at.min(now);
            entry.handed_at = entry.handed_at.map(|at| at.min(now));
            handed.extend(entry.handed_at.map(|at| (at, entry.to.clone())));
            if let Some(until) = entry.until
                && entry.is_queued()
                && !uncounted.is_zero()
            {
                entry.until = Some(until.checked_sub(uncounted).unwrap_or(now));
                row::put(&mut batch, entry);
            }
        }
        if !batch.is_empty() {
            self.vault.write(&batch);
        }
        handed.sort_by_key(|(at, _)| *at);
        state.pace = Pace::new(self.limits.pacing);
        for (at, to) in handed {
            state.pace.take(&to, at);
        }
    }

    /// The recipient and the progress of the message that the token already belongs to, unless a repeated call is to send
    /// it again.
    pub fn known(
        &self,
        token: &Token,
        draft: &Fingerprint,
        now: SystemTime,
    ) -> Result<Option<(Recipient, watch::Receiver<Progress>)>, SubmitDenied> {
        let state = &mut *self.state();
        let known = state.messages.by_token(token);
        let Some(entry) = known.and_then(|order| state.messages.get(order)) else {
            return Ok(None);
        };
        if entry.draft != *draft {
            return Err(SubmitDenied::TokenReused);
        }
        let is_underway = entry.retries_automatically(now);
        Ok(is_underway.then(|| (entry.to.clone(), entry.watch())))
    }

    /// Accepts a message under its token, or returns the message that the token already belongs to. Call
    /// [`Outbox::durable`] to make a queued message durable.
    pub fn submit(
        &self,
        token: &Token,
        request: SubmitRequest,
        now: SystemTime,
    ) -> Result<watch::Receiver<Progress>, SubmitDenied> {
        if let Some((_, progress)) = self.known(token, &request.draft, now)? {
            return Ok(progress);
        }
        let state = &mut *self.state();
        let first = state.messages.by_token(token).is_none();
        self.check(state, &request, now)?;
        let SubmitRequest {
            draft,
            to,
            payload,
            id,
            account,
            until,
            is_own,
            down: _,
        } = request;
        if first {
            let sent = Sent {
                id,
                token: token.clone(),
                state: SendState::Accepted,
                server_ack_at: None,
                failure: None,
                nack: None,
            };
            let mut entry = Entry::new(sent, to, account.clone(), draft);
            entry.created_at = now;
            entry.is_own = is_own;
            state.messages.insert(entry);
            self.forget(state, now);
        }
        let order = state.messages.by_token(token).ok_or(SubmitDenied::Busy)?;
        let entry = state.messages.get(order).ok_or(SubmitDenied::Busy)?;
        entry.reopen();
        entry.stage = Stage::Waiting(now);
        entry.account = account;
        entry.until = until;
        // Written now, so that all messages submitted at the same time share one fsync.
        let mut batch = Batch::new();
        row::put(&mut batch, entry);
        if until.is_some() {
            row::put_payload(&mut batch, token, &payload);
        } else {
            entry.payload = Some(Arc::new(payload));
        }
        entry.written = Some(self.vault.write(&batch));
        entry.notify();
        let watcher = entry.watch();
        state.messages.settle(order);
        self.work.notify_one();
        Ok(watcher)
    }

    /// Checks the limits, and for a message to be sent at once the rate.
    fn check(
        &self,
        state: &mut State,
        request: &SubmitRequest,
        now: SystemTime,
    ) -> Result<(), SubmitDenied> {
        let State {
            messages,
            pace,
            holding,
        } = state;
        if holding.is_held() {
            return Err(SubmitDenied::Held);
        }
        let to = &request.to;
        if request.until.is_some() {
            let full = messages.queued() >= self.limits.queue;
            return if full {
                Err(SubmitDenied::QueueFull(self.limits.queue))
            } else {
                Ok(())
            };
        }
        if let Some(down) = &request.down {
            return Err(SubmitDenied::NotConnected(down.clone()));
        }
        if messages.direct() >= MAX_DIRECT_MESSAGES {
            return Err(SubmitDenied::Busy);
        }
        let ready = pace.ready_at(to, false, now);
        if ready > now {
            return Err(SubmitDenied::Paced(ready));
        }
        pace.take(to, now);
        Ok(())
    }

    /// Deletes old messages.
    fn forget(&self, state: &mut State, now: SystemTime) {
        let surplus = state.messages.surplus(now);
        self.remove(state, surplus);
    }

    fn remove(&self, state: &mut State, orders: Vec<u64>) {
        let mut batch = Batch::new();
        for order in orders {
            if let Some(entry) = state.messages.remove(order) {
                row::delete(&mut batch, &entry.sent.token);
            }
        }
        if !batch.is_empty() {
            self.vault.write(&batch);
        }
    }

    /// Records progress of a message: states never go back. Returns true if the message is known to have reached
    /// WhatsApp's server only now.
    ///
    /// The account's own devices do not send receipts to each other, so a message to the account itself counts as
    /// read once the server has acknowledged it.
    pub fn advance(&self, id: &MessageId, to: SendState, at: SystemTime, now: SystemTime) -> bool {
        let state = &mut *self.state();
        let Some(order) = state.messages.by_id(id) else {
            return false;
        };
        let Some(entry) = state.messages.get(order) else {
            return false;
        };
        // The server's ack may arrive after the recipient's receipt; its time is still recorded.
        entry.sent.server_ack_at.get_or_insert(at);
        let to = if entry.is_own && to == SendState::ServerAck {
            SendState::Read
        } else {
            to
        };
        let unconfirmed = entry.sent.failure == Some(SendReason::Unconfirmed);
        if !unconfirmed && to <= entry.sent.state {
            return false;
        }
        let arrived = unconfirmed || entry.sent.state == SendState::Accepted;
        entry.sent.state = to;
        entry.sent.failure = None;
        entry.sent.nack = None;
        self.record(state, order, now);
        arrived
    }

    fn settle_failed(&self, state: &mut State, order: u64, why: SendReason, now: SystemTime) {
        let Some(entry) = state.messages.get(order) else {
            return;
        };
        if !entry.is_settled() {
            entry.sent.state = SendState::Failed;
            entry.sent.failure = Some(why);
            self.record(state, order, now);
        }
    }

    /// Writes the new state and its event, and notifies the waiting callers.
    fn record(&self, state: &mut State, order: u64, now: SystemTime) {
        let Some(entry) = state.messages.get(order) else {
            return;
        };
        entry.stage = Stage::Resting;
        entry.payload = None;
        let outcome = SendOutcome {
            sent: entry.sent.clone(),
            chat: ChatId::from(&entry.to),
        };
        let outcome = EventData::Outcome(outcome);
        self.journal.append_with(outcome, now, |batch| {
            row::put(batch, entry);
            if entry.until.is_some() {
                row::drop_payload(batch, &entry.sent.token);
            }
        });
        entry.notify();
        state.messages.settle(order);
    }

    /// Returns once everything reported so far is durable.
    pub async fn durable(&self) {
        self.journal.flush().await;
    }

    /// Returns when there may be something new to do.
    pub async fn changed(&self) {
        self.work.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Contains callers' tokens and message texts, so nothing is shown.
impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}
