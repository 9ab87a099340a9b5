//! Errors of a party.

use wacore_libsignal::protocol::SignalProtocolError;

use crate::signal::party::kind::EncKind;

/// Errors of a party. None of them contains a key or a text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// libsignal refused: malformed bytes, or no session.
    #[error(transparent)]
    Signal(#[from] SignalProtocolError),
    /// The ciphertext was decrypted, but its content is not a padded message.
    #[error("decrypted content: {0}")]
    Content(String),
    /// A pairwise operation got a group ciphertext, or the other way round.
    #[error("a {0:?} ciphertext does not belong here")]
    Kind(EncKind),
    /// A bundle's signed prekey is not signed by its identity.
    #[error("signed prekey {0} is not signed by its identity")]
    SignedPreKey(u32),
}

impl Error {
    /// The same ciphertext was decrypted before.
    pub fn is_duplicate(&self) -> bool {
        matches!(
            self,
            Self::Signal(SignalProtocolError::DuplicatedMessage(..))
        )
    }
}
