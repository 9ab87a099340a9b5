//! What a party could not do.

use wacore_libsignal::protocol::SignalProtocolError;

use crate::signal::party::kind::EncKind;

/// What a party could not do. Nothing in it names a key or a text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other side's bytes, or the lack of a session, made libsignal refuse.
    #[error(transparent)]
    Signal(#[from] SignalProtocolError),
    /// The ciphertext opened, but its content is not a padded message.
    #[error("decrypted content: {0}")]
    Content(String),
    /// A pairwise operation met a group ciphertext, or the other way round.
    #[error("a {0:?} ciphertext does not belong here")]
    Kind(EncKind),
    /// A bundle's signed prekey does not carry its identity's signature.
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
