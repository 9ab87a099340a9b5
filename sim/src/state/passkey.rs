//! Accounts that require a passkey, and the state of each ceremony.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::number::Number;
use crate::signal::shortcake::Phone;
use crate::signal::webauthn::{Authenticator, Credential};
use crate::state::error::Error;

/// The passkey of an account.
pub(crate) struct Passkey {
    pub(crate) credential: Credential,
    /// Has the private key; `None` if the simulator does not have it.
    pub(crate) authenticator: Option<Arc<Authenticator>>,
    /// The counter of the last assertion.
    pub(crate) counter: u32,
    /// The request contains the options; if false, the companion has to request them.
    pub(crate) brings_options: bool,
    /// The person confirms without comparing the code.
    pub(crate) confirms: bool,
    /// The time limit of a ceremony.
    pub(crate) timeout: Duration,
}

/// The stage of a ceremony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The server has requested an assertion.
    Asked,
    /// The assertion is valid, and the phone has answered.
    Proven,
    /// Both sides show the code.
    CodeShown,
    /// The companion has sent its keys.
    Handed,
    /// It has ended.
    Ended,
}

/// One ceremony, on the socket that is to be linked.
pub(crate) struct Ceremony {
    pub(crate) account: Number,
    pub(crate) challenge: [u8; 32],
    pub(crate) options: String,
    pub(crate) deadline: Instant,
    pub(crate) stage: Stage,
    /// The secrets that a handoff proof may be made with.
    pub(crate) known_secrets: Vec<[u8; 32]>,
    /// The ref that the companion has fetched for its identity.
    pub(crate) reference: Option<String>,
    pub(crate) phone: Option<Phone>,
    /// The code that both sides show, without a dash.
    pub(crate) code: Option<String>,
    /// The code is confirmed, or needs no confirmation.
    pub(crate) approved: bool,
    /// The keys that the companion has sent.
    pub(crate) secret: Option<[u8; 32]>,
    /// The error for every later iq.
    pub(crate) refusal: Option<u16>,
    /// Notified when it ends.
    pub(crate) done: Option<oneshot::Sender<Result<[u8; 32], Error>>>,
}

impl Ceremony {
    /// Ends it if both sides are done.
    pub(crate) fn finish(&mut self) {
        if let Some(secret) = self.secret.filter(|_| self.approved) {
            self.stage = Stage::Ended;
            if let Some(done) = self.done.take() {
                // The caller that scanned may have given up.
                let _ = done.send(Ok(secret));
            }
        }
    }

    /// Ends it without a link. Later iqs of the companion are refused with `code`.
    pub(crate) fn fail(&mut self, error: Error, code: u16) {
        self.stage = Stage::Ended;
        self.refusal.get_or_insert(code);
        if let Some(done) = self.done.take() {
            let _ = done.send(Err(error));
        }
    }
}
