//! An outgoing message: its stored fields, and its state in this process. Pure.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use openclaw_types::{
    Backoff, Draft, Nack, Payload, Phone, Recipient, SendReason, SendState, Sent,
};
use tokio::sync::watch;

use crate::vault::Ticket;

/// After this time without an ack from the server, a caller's retry sends the message again under its id.
pub(super) const ACK_DUE: Duration = Duration::from_secs(20);
/// After this time without an ack, a queued message is sent again under its id automatically.
const ACK_OVERDUE: Duration = Duration::from_secs(60);
/// How long a message that WhatsApp refused because of a restriction is not sent again: retrying makes the restriction
/// worse.
const RESTRICTED_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The delays between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));

/// Distinguishes drafts without storing their payload.
pub type Fingerprint = [u8; 16];

/// Why an attempt to send a message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptError {
    /// The connection was lost. It is unknown whether the message was sent.
    ConnectionLost,
    /// The connection was lost before the attempt. Nothing was sent.
    NotConnected,
    /// WhatsApp did not report whether the recipient exists. Nothing was sent.
    NotChecked(u16),
    /// The message could not be encrypted this time. Nothing was sent.
    NotEncrypted,
    /// The number is not on WhatsApp. Nothing was sent.
    NotOnWhatsApp,
    /// The rules no longer let the account write to the recipient. Nothing was sent.
    NotAllowedTo,
    /// WhatsApp refused the message permanently. Nothing was sent.
    Refused(Nack),
    /// WhatsApp's server did not accept it this time. Nothing was delivered.
    ServerError(Nack),
    /// WhatsApp restricts the account, and the recipient has no chat with it. Nothing was delivered.
    Restricted,
    /// Sends are held, because the store was rolled back. Nothing was sent.
    Held,
    /// Its file could not be uploaded to WhatsApp this time. Nothing was sent.
    NotUploaded,
    /// WhatsApp's media host does not take its file, with this HTTP status. Nothing was sent.
    FileRefused(u16),
    /// Its file is no longer there. Nothing was sent.
    FileGone,
}

impl AttemptError {
    /// A single word, for logs and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionLost => "connection_lost",
            Self::NotConnected => "not_connected",
            Self::NotChecked(_) => "not_checked",
            Self::NotEncrypted => "not_encrypted",
            Self::NotOnWhatsApp => "not_on_whatsapp",
            Self::NotAllowedTo => "not_allowed_to",
            Self::Refused(_) => "refused",
            Self::ServerError(_) => "server_error",
            Self::Restricted => "restricted",
            Self::Held => "held",
            Self::NotUploaded => "not_uploaded",
            Self::FileRefused(_) => "file_refused",
            Self::FileGone => "file_gone",
        }
    }
}

/// The progress of a message, for waiting callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The current state.
    pub sent: Sent,
    /// If the message is queued: its deadline.
    pub until: Option<SystemTime>,
    /// True once the message has been handed to WhatsApp, or is queued.
    pub accepted: bool,
    /// Set if the agent will not retry unless the caller does.
    pub stopped: Option<AttemptError>,
    /// For a message that a restriction refused: when the same token is tried again.
    pub again_at: Option<SystemTime>,
    /// Its file is on its way to WhatsApp, or waits for a turn.
    pub transferring: bool,
}

impl Progress {
    /// True if a caller that waits for `wanted` need not wait any longer.
    #[must_use]
    pub fn has_reached(&self, wanted: SendState) -> bool {
        let reached =
            self.sent.state >= wanted && (self.sent.state > SendState::Accepted || self.accepted);
        reached || self.stopped.is_some()
    }
}

/// The next step for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for its turn, which does not come before this time.
    Waiting(SystemTime),
    /// An attempt is in progress; an earlier one handed the message over at this time.
    Busy(Option<SystemTime>),
    /// Handed to WhatsApp over the current connection at this time.
    Handed(SystemTime),
    /// Nothing happens unless the caller retries.
    Resting,
}

/// An outgoing message.
#[derive(Debug)]
pub(super) struct Entry {
    /// The position among all messages: older messages have smaller numbers.
    pub(super) order: u64,
    pub(super) sent: Sent,
    pub(super) to: Recipient,
    /// The account that sends the message.
    pub(super) account: Phone,
    pub(super) draft: Fingerprint,
    pub(super) created_at: SystemTime,
    /// When the message was last handed to WhatsApp, so that it may have been sent.
    pub(super) handed_at: Option<SystemTime>,
    /// The value of `handed_at` before the last attempt.
    pub(super) handed_before: Option<SystemTime>,
    /// When WhatsApp refused the message because of a restriction of the account.
    pub(super) restricted_at: Option<SystemTime>,
    /// True if the recipient is the account itself.
    pub(super) is_own: bool,
    /// The deadline of a queued message; `None` for a direct one.
    pub(super) until: Option<SystemTime>,
    /// The last write that must be durable before the message is sent.
    pub(super) written: Option<Ticket>,
    pub(super) stage: Stage,
    /// The payload of a direct message, until the server's ack.
    pub(super) payload: Option<Arc<Payload>>,
    /// The number of consecutive failed attempts.
    pub(super) attempts: u32,
    pub(super) last_error: Option<AttemptError>,
    /// Its file is on its way to WhatsApp, or waits for a turn.
    pub(super) transferring: bool,
    watchers: Option<watch::Sender<Progress>>,
}

impl Entry {
    pub(super) fn new(sent: Sent, to: Recipient, account: Phone, draft: Fingerprint) -> Self {
        Self {
            order: 0,
            sent,
            to,
            account,
            draft,
            created_at: SystemTime::UNIX_EPOCH,
            handed_at: None,
            handed_before: None,
            restricted_at: None,
            is_own: false,
            until: None,
            written: None,
            stage: Stage::Resting,
            payload: None,
            attempts: 0,
            last_error: None,
            transferring: false,
            watchers: None,
        }
    }

    /// True if the message will not be sent any more.
    pub(super) fn is_settled(&self) -> bool {
        self.sent.state != SendState::Accepted
    }

    /// True if the message is queued and not sent yet.
    pub(super) fn is_queued(&self) -> bool {
        self.until.is_some() && !self.is_settled()
    }

    /// The time from which it can be the next message to send; `None` if it cannot.
    pub(super) fn turn_at(&self) -> Option<SystemTime> {
        match self.stage {
            Stage::Waiting(at) => Some(at),
            Stage::Handed(at) if self.is_queued() => Some(at + ACK_OVERDUE),
            Stage::Handed(_) | Stage::Busy(_) | Stage::Resting => None,
        }
    }

    /// True if a caller's retry changes nothing, because the message is in progress or final.
    pub(super) fn retries_automatically(&self, now: SystemTime) -> bool {
        match self.stage {
            _ if self.is_settled() => self.again_at().is_none_or(|again_at| now < again_at),
            Stage::Waiting(_) | Stage::Busy(_) => true,
            Stage::Handed(at) => self.is_queued() || now < at + ACK_DUE,
            Stage::Resting => false,
        }
    }

    /// When the token of a failed message is tried again, because a restriction may have ended.
    pub(super) fn again_at(&self) -> Option<SystemTime> {
        let failed = self.sent.state == SendState::Failed;
        let refused_at = self.restricted_at.filter(|_| failed)?;
        Some(refused_at + RESTRICTED_PAUSE)
    }

    /// Reopens a failed message for its caller's retry.
    pub(super) fn reopen(&mut self) {
        if self.sent.state == SendState::Failed {
            self.sent.state = SendState::Accepted;
            self.sent.failure = None;
        }
        self.sent.nack = None;
        self.restricted_at = None;
        self.attempts = 0;
    }

    /// True for a direct message that waits for a retry while no caller waits for it.
    pub(super) fn is_abandoned(&self) -> bool {
        let waits = matches!(self.stage, Stage::Waiting(_)) && self.sent.nack.is_some();
        waits && !self.is_queued() && self.followers() == 0
    }

    /// The number of waiting callers.
    pub(super) fn followers(&self) -> usize {
        let watchers = self.watchers.as_ref();
        watchers.map_or(0, watch::Sender::receiver_count)
    }

    /// Stops automatic retries.
    pub(super) fn rest(&mut self, last_error: Option<AttemptError>) {
        self.stage = Stage::Resting;
        self.payload = None;
        self.last_error = last_error;
    }

    /// The reason to fail the message now, if its deadline has passed.
    pub(super) fn overdue(&self, now: SystemTime) -> Option<SendReason> {
        let due = self.is_queued() && self.until.is_some_and(|until| until <= now);
        match self.stage {
            _ if !due => None,
            Stage::Busy(_) => None,
            Stage::Handed(at) if now < at + ACK_DUE => None,
            _ if self.handed_at.is_some() => Some(SendReason::Unconfirmed),
            _ => Some(SendReason::Expired),
        }
    }

    /// The time at which [`Entry::overdue`] must be called.
    pub(super) fn due_at(&self) -> Option<SystemTime> {
        let until = self.until.filter(|_| self.is_queued())?;
        match self.stage {
            Stage::Busy(_) => None,
            Stage::Handed(at) => Some(until.max(at + ACK_DUE)),
            Stage::Waiting(_) | Stage::Resting => Some(until),
        }
    }

    /// The server refused the message, so that the last attempt handed nothing over.
    pub(super) fn undo_hand_over(&mut self) {
        self.handed_at = match self.stage {
            Stage::Busy(before) => before,
            _ => self.handed_before.take(),
        };
    }

    /// Schedules the next attempt after a refusal because of a restriction. It comes earlier if the restriction ends.
    pub(super) fn try_after_restriction(&mut self, now: SystemTime) {
        self.stage = Stage::Waiting(now + RESTRICTED_PAUSE);
        self.last_error = Some(AttemptError::Restricted);
    }

    /// Schedules the next attempt, with an increasing delay.
    pub(super) fn try_later(&mut self, now: SystemTime) {
        self.attempts = self.attempts.saturating_add(1);
        self.stage = Stage::Waiting(now + BACKOFF.after(self.attempts));
    }

    fn progress(&self) -> Progress {
        Progress {
            sent: self.sent.clone(),
            until: self.until.filter(|_| self.is_queued()),
            accepted: self.is_queued() || matches!(self.stage, Stage::Handed(_)),
            stopped: match self.stage {
                Stage::Resting if !self.is_settled() => self.last_error,
                _ => None,
            },
            again_at: self.again_at(),
            transferring: self.transferring,
        }
    }

    /// Subscribes to the message's progress.
    pub(super) fn watch(&mut self) -> watch::Receiver<Progress> {
        match &self.watchers {
            Some(watchers) => watchers.subscribe(),
            None => {
                let (watchers, watcher) = watch::channel(self.progress());
                self.watchers = Some(watchers);
                watcher
            }
        }
    }

    /// Notifies the waiting callers.
    pub(super) fn notify(&mut self) {
        let progress = self.progress();
        if let Some(watchers) = &self.watchers
            && watchers.send(progress).is_err()
        {
            // No caller is left.
            self.watchers = None;
        }
    }
}

/// A hash of a draft: equal only for equal messages.
#[must_use]
pub fn fingerprint(draft: &Draft) -> Fingerprint {
    use sha2::{Digest as _, Sha256};
    let to = draft.to.as_ref().map(Recipient::address);
    let to = to.unwrap_or_default();
    let mut what = draft.what.clone();
    if let Some(file) = what.file_mut() {
        file.media = file.media.of_any_upload();
    }
    let length = u64::try_from(to.len()).unwrap_or(u64::MAX);
    let hash = Sha256::new()
        .chain_update(length.to_be_bytes())
        .chain_update(to)
        .chain_update(what.encode().as_bytes())
        .finalize();
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(&hash[..16]);
    fingerprint
}
