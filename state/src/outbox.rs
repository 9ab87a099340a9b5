//! Messages of ours and how far each has come: the same token is the same message, whatever happens in between.
//!
//! ```text
//! submit ──> waiting ──> busy ──> handed ──> server ack ──> delivered ──> read
//!               ^          │        │ connection lost
//!               └──────────┴────────┘ kept ones; others rest until their caller asks again, under the same id
//! ```
//!
//! A message's id and row are durable before the message reaches the wire, and a state is written in one batch with its
//! event. It sends nothing itself: [`Outbox::turn`] says whose turn it is. It knows neither WhatsApp's library nor gRPC.

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
    ChatId, Draft, EventData, LinkState, MessageId, Nack, Phone, SendOutcome, SendReason,
    SendState, Sent, Token,
};
use openclaw_vault::Batch;
use tokio::sync::{Notify, watch};

use crate::journal::Journal;
use crate::vault::Vault;
use entry::{Entry, Stage, fingerprint};
use hold::Holding;
use messages::Messages;
use pace::Pace;

pub use attempt::Delivery;
pub use carried::Carried;
pub use entry::{AttemptError, Progress};
pub use hold::Hold;
pub use pace::Pacing;
pub use queue::{CancelDenied, Cancelled, Queued};

/// How many messages that are not kept may wait for their turn.
const MAX_DIRECT_MESSAGES: usize = 64;

/// What is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How fast messages go out.
    pub pacing: Pacing,
    /// How many may be kept until they can be sent.
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

/// The messages.
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
    /// What to send.
    pub draft: Draft,
    /// Its id, if the token is new.
    pub id: MessageId,
    /// The account that sends it.
    pub account: Phone,
    /// Why that is not connected now, if it is not.
    pub down: Option<Down>,
    /// Keep it until then, if it cannot be sent at once.
    pub until: Option<SystemTime>,
    /// It goes to the account itself.
    pub is_own: bool,
}

/// The link is not up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// How it is.
    pub state: LinkState,
    /// What a person should do, where anything.
    pub hint: String,
}

/// The message is not let in. Nothing has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitDenied {
    /// The token stands for another message.
    #[error("the token was used for another message")]
    TokenReused,
    /// It cannot be sent now, and is not to be kept.
    #[error("the agent is not connected to WhatsApp: {}", .0.state.name())]
    NotConnected(Down),
    /// So much has been sent lately that WhatsApp would take more for spam. The message may go at this time.
    #[error("too many messages were sent in a short time")]
    Paced(SystemTime),
    /// Too many messages wait for their turn.
    #[error("too many messages wait to be sent")]
    Busy,
    /// As many messages are kept until they can be sent as may be.
    #[error("{0} messages wait to be sent, and no more are kept")]
    QueueFull(usize),
    /// Sends are held: the store was rolled back, and no admin has decided yet.
    #[error("nothing is sent: the agent's store was rolled back, its volume is an older copy")]
    Held,
}

impl State {
    /// What the vault remembers.
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
    /// What the vault remembers. Call [`Outbox::resume`] next.
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

    /// Continues at `now` after a restart. What the rows say of times to come counts as now at most; where so much time has
    /// passed by the system's clock that was not counted (`uncounted`), what is kept until a time is not kept beyond it.
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

    /// Lets a message in under its token, or finds what the token stands for already. [`Outbox::durable`] makes one that
    /// is kept safe.
    pub fn submit(
        &self,
        token: &Token,
        request: SubmitRequest,
        now: SystemTime,
    ) -> Result<watch::Receiver<Progress>, SubmitDenied> {
        let state = &mut *self.state();
        let draft = fingerprint(&request.draft);
        let known = state.messages.by_token(token);
        let known = known.and_then(|order| state.messages.get(order));
        let first = known.is_none();
        if let Some(entry) = known {
            if entry.draft != draft {
                return Err(SubmitDenied::TokenReused);
            }
            if entry.retries_automatically(now) {
                return Ok(entry.watch());
            }
        }
        self.check(state, &request, now)?;
        let SubmitRequest {
            draft: Draft { to, payload, .. },
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
        // Written now, so that one fsync serves all that are let in at the same time.
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

    /// Whether there is room for one more message, and pace for one that goes at once.
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
        let to = &request.draft.to;
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

    /// Forgets what is old.
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

    /// A message of ours has come this far: states never go back. True when it is at WhatsApp's server for all we know
    /// only now.
    ///
    /// The account's own devices send no receipts to each other: what went to the account itself is read once the server
    /// has it, by who wrote it.
    pub fn advance(&self, id: &MessageId, to: SendState, at: SystemTime, now: SystemTime) -> bool {
        let state = &mut *self.state();
        let Some(order) = state.messages.by_id(id) else {
            return false;
        };
        let Some(entry) = state.messages.get(order) else {
            return false;
        };
        // A server's ack may arrive after the recipient's receipt: it still has its time.
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

    /// Writes the new state and its event, and notifies those who wait for it.
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

    /// With which code WhatsApp last refused a message since the account is restricted, and until when that message's token
    /// is refused for it.
    #[must_use]
    pub fn restricted(&self, now: SystemTime) -> Option<(Nack, SystemTime)> {
        let mut state = self.state();
        let refused = state.messages.all().filter_map(|entry| {
            let is_restricted = entry.sent.failure == Some(SendReason::Restricted);
            let until = entry.again_at().filter(|until| now < *until)?;
            is_restricted.then_some((entry.sent.nack?, until))
        });
        refused.max_by_key(|(_, until)| *until)
    }

    /// Returns once everything reported so far is durable.
    pub async fn durable(&self) {
        self.journal.flush().await;
    }

    /// Returns when there may be something to do that there was not before.
    pub async fn changed(&self) {
        self.work.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tokens are the callers' and texts are secrets.
impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}
