//! One message of ours: what is kept of it, and what is known of it while the process runs. Pure.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use openclaw_types::{
    Backoff, Draft, Nack, Payload, Phone, Recipient, SendReason, SendState, Sent,
};
use tokio::sync::watch;

use crate::vault::Ticket;

/// How long the server's ack may take before a caller's retry sends the message again under its id.
pub(super) const ACK_DUE: Duration = Duration::from_secs(20);
/// How long it may take before a message that waits is sent again under its id by itself.
const ACK_OVERDUE: Duration = Duration::from_secs(60);
/// How long a message that WhatsApp's restriction of the account refused stays refused to its caller: trying it again
/// makes the restriction worse.
const RESTRICTED_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The delays between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));

/// Distinguishes two drafts without keeping their payload.
pub(super) type Fingerprint = [u8; 16];

/// Why a message has not gone out this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptError {
    /// The connection was lost; whether the message went out is not known.
    ConnectionLost,
    /// The connection was gone before the message's turn came. Nothing was sent.
    NotConnected,
    /// WhatsApp did not say whether the recipient exists. Nothing was sent.
    NotChecked(u16),
    /// It could not be encrypted for now. Nothing was sent.
    NotEncrypted,
    /// No one on WhatsApp has this number. Nothing was sent.
    NotOnWhatsApp,
    /// WhatsApp refused it for good. Nothing was sent.
    Refused(Nack),
    /// WhatsApp's server did not take it this time. Nothing was delivered.
    ServerError(Nack),
    /// Sends are held, because the store was rolled back. Nothing was sent.
    Held,
}

impl AttemptError {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionLost => "connection_lost",
            Self::NotConnected => "not_connected",
            Self::NotChecked(_) => "not_checked",
            Self::NotEncrypted => "not_encrypted",
            Self::NotOnWhatsApp => "not_on_whatsapp",
            Self::Refused(_) => "refused",
            Self::ServerError(_) => "server_error",
            Self::Held => "held",
        }
    }
}

/// How far a message has come, for those who wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What became of it so far.
    pub sent: Sent,
    /// It is kept, until then, to be sent as soon as that can be.
    pub until: Option<SystemTime>,
    /// It has been handed to WhatsApp, or is kept to be.
    pub accepted: bool,
    /// The agent does no more about it unless it is asked again.
    pub stopped: Option<AttemptError>,
    /// Of a message that WhatsApp's restriction refused: when the same token is tried again.
    pub again_at: Option<SystemTime>,
}

impl Progress {
    /// Whether there is nothing to wait for when `wanted` was asked for.
    #[must_use]
    pub fn has_reached(&self, wanted: SendState) -> bool {
        let reached =
            self.sent.state >= wanted && (self.sent.state > SendState::Accepted || self.accepted);
        reached || self.stopped.is_some()
    }
}

/// What happens to a message next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its turn comes, but not before this time.
    Waiting(SystemTime),
    /// The sender has it; before that, it was handed over at this time.
    Busy(Option<SystemTime>),
    /// Handed to WhatsApp over the present connection at this time.
    Handed(SystemTime),
    /// Nothing, unless a caller asks again.
    Resting,
}

/// One message.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its place among all: older ones have smaller numbers.
    pub(super) order: u64,
    pub(super) sent: Sent,
    pub(super) to: Recipient,
    /// The account that sends it.
    pub(super) account: Phone,
    pub(super) draft: Fingerprint,
    pub(super) created_at: SystemTime,
    /// When it was last handed to WhatsApp, as far as that is known: then it may be there.
    pub(super) handed_at: Option<SystemTime>,
    /// What `handed_at` was before the last time.
    pub(super) handed_before: Option<SystemTime>,
    /// When WhatsApp's restriction of the account refused it.
    pub(super) restricted_at: Option<SystemTime>,
    /// It goes to the account itself.
    pub(super) is_own: bool,
    /// It is kept until it is sent or this time has come.
    pub(super) until: Option<SystemTime>,
    /// What was last written of it that must be durable before it leaves.
    pub(super) written: Option<Ticket>,
    pub(super) stage: Stage,
    /// What one says that is not kept, until the server's ack.
    pub(super) payload: Option<Arc<Payload>>,
    /// Attempts in a row that did not bring it out.
    pub(super) attempts: u32,
    pub(super) last_error: Option<AttemptError>,
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
            watchers: None,
        }
    }

    /// Nothing will be sent of it any more.
    pub(super) fn is_settled(&self) -> bool {
        self.sent.state != SendState::Accepted
    }

    /// It is kept and still to be sent.
    pub(super) fn is_queued(&self) -> bool {
        self.until.is_some() && !self.is_settled()
    }

    /// It may be among what is handed to WhatsApp next, not before the time that is returned.
    pub(super) fn turn_at(&self) -> Option<SystemTime> {
        match self.stage {
            Stage::Waiting(at) => Some(at),
            Stage::Handed(at) if self.is_queued() => Some(at + ACK_OVERDUE),
            Stage::Handed(_) | Stage::Busy(_) | Stage::Resting => None,
        }
    }

    /// A caller that asks again changes nothing: the message is on its way, or at its end.
    pub(super) fn retries_automatically(&self, now: SystemTime) -> bool {
        match self.stage {
            _ if self.is_settled() => self.again_at().is_none_or(|again_at| now < again_at),
            Stage::Waiting(_) | Stage::Busy(_) => true,
            Stage::Handed(at) => self.is_queued() || now < at + ACK_DUE,
            Stage::Resting => false,
        }
    }

    /// When its token is tried again, though it has failed: WhatsApp's restriction may have ended.
    pub(super) fn again_at(&self) -> Option<SystemTime> {
        let failed = self.sent.state == SendState::Failed;
        let refused_at = self.restricted_at.filter(|_| failed)?;
        Some(refused_at + RESTRICTED_PAUSE)
    }

    /// It has failed, and its caller asks again.
    pub(super) fn reopen(&mut self) {
        if self.sent.state == SendState::Failed {
            self.sent.state = SendState::Accepted;
            self.sent.failure = None;
        }
        self.sent.nack = None;
        self.restricted_at = None;
        self.attempts = 0;
    }

    /// A caller's message that waits to be tried again, and no one waits for it.
    pub(super) fn is_abandoned(&self) -> bool {
        let waits = matches!(self.stage, Stage::Waiting(_)) && self.sent.nack.is_some();
        waits && !self.is_queued() && self.followers() == 0
    }

    /// How many follow it.
    pub(super) fn followers(&self) -> usize {
        let watchers = self.watchers.as_ref();
        watchers.map_or(0, watch::Sender::receiver_count)
    }

    /// Nothing more happens to it by itself.
    pub(super) fn rest(&mut self, last_error: Option<AttemptError>) {
        self.stage = Stage::Resting;
        self.payload = None;
        self.last_error = last_error;
    }

    /// Why it fails now, if its time has come.
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

    /// When [`Entry::overdue`] is to be asked.
    pub(super) fn due_at(&self) -> Option<SystemTime> {
        let until = self.until.filter(|_| self.is_queued())?;
        match self.stage {
            Stage::Busy(_) => None,
            Stage::Handed(at) => Some(until.max(at + ACK_DUE)),
            Stage::Waiting(_) | Stage::Resting => Some(until),
        }
    }

    /// An attempt did not bring it out: the next one comes later and later.
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
        }
    }

    /// Follows it.
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

    /// Notifies those who follow it.
    pub(super) fn notify(&mut self) {
        let progress = self.progress();
        if let Some(watchers) = &self.watchers
            && watchers.send(progress).is_err()
        {
            // No one follows any more.
            self.watchers = None;
        }
    }
}

/// Two drafts have the same one only if they are the same message.
pub(super) fn fingerprint(draft: &Draft) -> Fingerprint {
    use sha2::{Digest as _, Sha256};
    let to = draft.to.address();
    let length = u64::try_from(to.len()).unwrap_or(u64::MAX);
    let hash = Sha256::new()
        .chain_update(length.to_be_bytes())
        .chain_update(to)
        .chain_update(draft.payload.as_bytes())
        .finalize();
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(&hash[..16]);
    fingerprint
}
