//! The passkey ceremony of a pairing: answers from any client, for the device that is being linked.

use openclaw_whatsapp::session::{Assertion, HandoffProof, PasskeyError, Secret, Session};

use super::{Agent, Command, Denied};

/// A step of the ceremony was not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyDenied {
    /// The agent is stopping.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No pairing is in progress.
    #[error("no pairing is in progress")]
    NoPairing,
    /// There is no code to compare.
    #[error("the pairing does not wait for a code")]
    CodeNotShown,
    /// The phone shows another code.
    #[error("the phone and this agent do not show the same code")]
    OtherCode {
        /// After the last one the pairing ends.
        attempts_left: u32,
    },
    /// The session could not take it.
    #[error(transparent)]
    Failed(#[from] PasskeyError),
}

impl Agent {
    /// Answers the challenge of the pairing in progress. Returns when WhatsApp has accepted the assertion.
    pub async fn answer_passkey(
        &self,
        assertion: Assertion,
        proof: HandoffProof,
    ) -> Result<(), PasskeyDenied> {
        let session = self.pairing_session(None).await?;
        Ok(session.answer_passkey(assertion, proof).await?)
    }

    /// Confirms that the phone shows `code`, as the person has read it.
    pub async fn confirm_passkey(&self, code: Secret) -> Result<(), PasskeyDenied> {
        let session = self.pairing_session(Some(code)).await?;
        Ok(session.confirm_passkey().await?)
    }

    /// The session of the device that is being linked, if the code, when there is one, is that of the pairing.
    async fn pairing_session(&self, code: Option<Secret>) -> Result<Session, PasskeyDenied> {
        self.ask(|reply| Command::PairingSession(code, reply))
            .await?
    }
}
