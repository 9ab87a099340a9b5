//! Hands messages to WhatsApp, one after the other: in the order of the calls, and to the end even
//! when a caller has gone, since a half-sent message would leave a ratchet half-turned.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::journal::Journal;
use crate::model::{MessageId, Occurrence, Recipient, SendOutcome, Text, Token};
use crate::outbox::Outbox;
use crate::session::{SendError, Session};

/// One message.
pub(super) struct Job {
    pub(super) session: Session,
    pub(super) to: Recipient,
    pub(super) text: Text,
    pub(super) id: MessageId,
    pub(super) token: Token,
    pub(super) reply: oneshot::Sender<Result<(), SendError>>,
}

/// The task.
pub struct Sender {
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) journal: Arc<Journal>,
}

impl Sender {
    /// Ends when every [`super::Agent`] handle has gone.
    pub async fn run(mut self) {
        while let Some(job) = self.jobs.recv().await {
            let Job {
                session,
                to,
                text,
                id,
                token,
                reply,
            } = job;
            let result = session.send(&to, &id, &text).await;
            match result {
                Ok(()) | Err(SendError::ConnectionLost) => self.outbox.release(&token),
                Err(SendError::NotOnWhatsApp) => self.outbox.withdraw(&token),
                Err(SendError::Refused(_)) => self.fail(&id, "refused_by_server"),
                Err(SendError::NotEncrypted) => self.fail(&id, "not_encrypted"),
            }
            // The caller may have gone.
            let _ = reply.send(result);
        }
    }

    fn fail(&self, id: &MessageId, why: &'static str) {
        if let Some((sent, chat)) = self.outbox.fail(id, why) {
            self.journal
                .append(Occurrence::Send(SendOutcome { sent, chat }), clock::now());
        }
    }
}
