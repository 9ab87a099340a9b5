//! Accounts that link with a passkey, and how far each ceremony has come.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::number::Number;
use crate::signal::shortcake::Phone;
use crate::signal::webauthn::{Authenticator, Credential};
use crate::state::error::Error;

/// How an account links.
pub(crate) struct Passkey {
    pub(crate) credential: Credential,
    /// Holds the private half; `None` if somebody else does.
    pub(crate) authenticator: Option<Arc<Authenticator>>,
    /// Of the last assertion.
    pub(crate) counter: u32,
    /// The request brings the options along; else the companion asks for them.
    pub(crate) brings_options: bool,
    /// The person says yes without looking at the code.
    pub(crate) confirms: bool,
    /// How long a ceremony may take.
    pub(crate) timeout: Duration,
}

/// How far a ceremony has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The companion was asked for an assertion.
    Asked,
    /// The assertion holds, and the phone has answered.
    Proven,
    /// Both sides have the code.
    CodeShown,
    /// The companion has handed its keys over.
    Handed,
    /// It is over.
    Ended,
}

/// One ceremony, on the socket that is to be linked.
pub(crate) struct Ceremony {
    pub(crate) account: Number,
    pub(crate) challenge: [u8; 32],
    pub(crate) options: String,
    pub(crate) deadline: Instant,
    pub(crate) stage: Stage,
    /// What a handoff proof may be made with.
    pub(crate) known_secrets: Vec<[u8; 32]>,
    /// The ref that the companion has fetched for its identity.
    pub(crate) reference: Option<String>,
    pub(crate) phone: Option<Phone>,
    /// What both show, without a dash.
    pub(crate) code: Option<String>,
    /// Nobody needs to compare the code any more.
    pub(crate) approved: bool,
    /// What the companion has handed over.
    pub(crate) secret: Option<[u8; 32]>,
    /// Every later iq is refused with this.
    pub(crate) refusal: Option<u16>,
    /// Who waits for its end.
    pub(crate) done: Option<oneshot::Sender<Result<[u8; 32], Error>>>,
}

impl Ceremony {
    /// Ends it, if both sides have done their part.
    pub(crate) fn finish(&mut self) {
        if let Some(secret) = self.secret.filter(|_| self.approved) {
            self.stage = Stage::Ended;
            if let Some(done) = self.done.take() {
                // Whoever scanned may have given up.
                let _ = done.send(Ok(secret));
            }
        }
    }

    /// Ends it without a link. What the companion sends from now on is refused with `code`.
    pub(crate) fn fail(&mut self, error: Error, code: u16) {
        self.stage = Stage::Ended;
        self.refusal.get_or_insert(code);
        if let Some(done) = self.done.take() {
            let _ = done.send(Err(error));
        }
    }
}
