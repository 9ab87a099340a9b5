//! Answers to a passkey challenge.

use whatsapp_rust::passkey;

use super::Session;

/// An assertion by the account's passkey.
pub struct Assertion(passkey::Assertion);

/// Not an assertion in WhatsApp Web's JSON.
#[derive(Debug, thiserror::Error)]
#[error("is not an assertion")]
pub struct AssertionError;

impl Assertion {
    /// Parses WhatsApp Web's JSON.
    pub fn parse(json: &str) -> Result<Self, AssertionError> {
        let value: serde_json::Value = serde_json::from_str(json).map_err(|_| AssertionError)?;
        let id = value["rawId"].as_str().ok_or(AssertionError)?;
        Ok(Self(passkey::Assertion {
            assertion_json: json.as_bytes().to_vec(),
            credential_id: id.as_bytes().to_vec(),
        }))
    }
}

/// How the phone knows that this device showed the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandoffProof {
    /// By a proof.
    Send,
    /// By a code that the person compares.
    CompareCode,
}

/// Why a step of a passkey ceremony failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The ceremony does not wait for this.
    #[error("the pairing does not wait for this step of a passkey ceremony")]
    NotAsked,
    /// The assertion was made for another challenge.
    #[error("the assertion was made for another pairing")]
    OtherChallenge,
    /// WhatsApp refused, and has ended the ceremony.
    #[error("WhatsApp refused the passkey ceremony with code {0}")]
    Refused(u16),
    /// The time of the ceremony is over.
    #[error("the time of the passkey ceremony is over")]
    Expired,
    /// The connection ended before WhatsApp answered.
    #[error("the connection to WhatsApp ended during the passkey ceremony")]
    Disconnected,
}

impl Session {
    /// Answers the challenge.
    pub async fn answer_passkey(
        &self,
        assertion: Assertion,
        _proof: HandoffProof,
    ) -> Result<(), PasskeyError> {
        let sent = self.client.send_passkey_response(assertion.0).await;
        sent.map_err(|_| PasskeyError::NotAsked)
    }

    /// Confirms the code.
    pub async fn confirm_passkey(&self) -> Result<(), PasskeyError> {
        let sent = self.client.send_passkey_confirmation().await;
        sent.map_err(|_| PasskeyError::NotAsked)
    }
}
