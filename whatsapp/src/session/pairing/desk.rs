//! What a session wants from its connection: a code to type, a person's answers, the end.

use std::sync::Mutex;

use openclaw_types::Phone;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::assertion::Assertion;
use crate::session::lock;

/// A person gives one answer at a time.
const MAX_QUEUED_ANSWERS: usize = 4;

/// How the phone learns that it scanned this device's code, and not another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoffProof {
    /// This device sends a proof: no code is compared.
    Send,
    /// A person compares the code on the phone with this device's.
    CompareCode,
}

/// Why an answer to a passkey's request had no effect, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// No ceremony waits for this.
    #[error("WhatsApp is not waiting for this: pair, and answer when it asks for a passkey")]
    NotAsked,
    /// The assertion answers an older request, or that of another pairing.
    #[error("the assertion answers another request: make one for the latest request")]
    OtherChallenge,
    /// WhatsApp, or the person at the phone, refused, with this code.
    #[error("WhatsApp refused with code {0}: pair again")]
    Refused(u16),
    /// WhatsApp or the phone sent something that this version does not understand.
    #[error("WhatsApp's answer is not understood by this version: pair again")]
    Unreadable,
    /// The connection ended before WhatsApp answered.
    #[error("the connection to WhatsApp was lost: pair again")]
    Disconnected,
    /// The ceremony's time limit passed.
    #[error("the passkey's time limit passed: pair again")]
    Expired,
}

/// Why a passkey ceremony failed. All of it begins again with a new code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CeremonyEnd {
    /// Its time limit passed.
    Expired,
    /// WhatsApp refused the assertion, with this code: probably another account's passkey.
    AssertionRefused(u16),
    /// The assertion was accepted, but the phone or its person declined, with this code.
    Declined(u16),
    /// The connection ended, and the ceremony's keys with it.
    Lost,
    /// WhatsApp or the phone sent something that this version does not understand.
    Unreadable,
}

/// What a session wants from its connection.
pub(in super::super) struct Desk {
    /// Show a code for this number.
    phone: Mutex<Option<Phone>>,
    requested: Notify,
    /// To the current connection, if it is one that links.
    answers: Mutex<Option<mpsc::Sender<Answer>>>,
    closed: watch::Sender<bool>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            phone: Mutex::default(),
            requested: Notify::default(),
            answers: Mutex::default(),
            closed: watch::Sender::new(false),
        }
    }
}

/// An answer of a person, and where its result goes.
pub(super) struct Answer {
    pub(super) what: Answered,
    pub(super) reply: oneshot::Sender<Result<(), PasskeyError>>,
}

pub(super) enum Answered {
    Assertion(Assertion, HandoffProof),
    Confirmation,
}

impl Desk {
    /// Requests a code to type, on the connection that is being made.
    pub(in super::super) fn request_code(&self, phone: Phone) {
        *lock(&self.phone) = Some(phone);
        self.requested.notify_one();
    }

    /// Returns the number for which a code is requested, as soon as one is.
    pub(super) async fn requested_code(&self) -> Phone {
        loop {
            self.requested.notified().await;
            if let Some(phone) = lock(&self.phone).take() {
                return phone;
            }
        }
    }

    pub(in super::super) async fn answer(
        &self,
        assertion: Assertion,
        proof: HandoffProof,
    ) -> Result<(), PasskeyError> {
        self.give(Answered::Assertion(assertion, proof)).await
    }

    pub(in super::super) async fn confirm(&self) -> Result<(), PasskeyError> {
        self.give(Answered::Confirmation).await
    }

    async fn give(&self, what: Answered) -> Result<(), PasskeyError> {
        let answers = lock(&self.answers).clone().ok_or(PasskeyError::NotAsked)?;
        let (reply, result) = oneshot::channel();
        let given = answers.send(Answer { what, reply }).await;
        given.map_err(|_| PasskeyError::Disconnected)?;
        result.await.unwrap_or(Err(PasskeyError::Disconnected))
    }

    /// Ends the connection, if it is one that links. There is no other one after it.
    pub(in super::super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Returns when the session is closed.
    pub(super) async fn closed(&self) {
        // Fails only if the sender is dropped, and `self` has it.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Takes answers for a new connection.
    pub(super) fn open(&self) -> mpsc::Receiver<Answer> {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_ANSWERS);
        *lock(&self.answers) = Some(sender);
        receiver
    }

    /// Forgets what the connection was asked for.
    pub(super) fn clear(&self) {
        *lock(&self.answers) = None;
        *lock(&self.phone) = None;
    }
}
