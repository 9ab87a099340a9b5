//! A ciphertext as in an `<enc>`, and the metadata that can be read without a key.

use wacore_libsignal::protocol::{PreKeySignalMessage, SenderKeyMessage, SignalMessage};

use crate::signal::party::bundle::raw;
use crate::signal::party::error::Error;
use crate::signal::party::kind::EncKind;

/// A ciphertext: the type and content of an `<enc>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enc {
    /// Its `type`.
    pub kind: EncKind,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The chain of message keys that a ciphertext belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainId {
    /// The sender's ratchet public key: unique by itself.
    Ratchet([u8; 32]),
    /// The sender key's chain id, a 31-bit random number: unique only together with sender and group.
    SenderKey(u32),
}

impl Enc {
    /// The chain and the counter in it, both unencrypted on the wire. A sender that repeats a pair has used a message
    /// key twice. A [`ChainId::SenderKey`] is unique only together with its sender and group.
    ///
    /// # Errors
    /// The bytes are not a ciphertext of this kind.
    pub fn counter(&self) -> Result<(ChainId, u32), Error> {
        let bytes = self.bytes.as_slice();
        Ok(match self.kind {
            EncKind::Pkmsg => of_signal(PreKeySignalMessage::try_from(bytes)?.message()),
            EncKind::Msg => of_signal(&SignalMessage::try_from(bytes)?),
            EncKind::Skmsg => {
                let message = SenderKeyMessage::try_from(bytes)?;
                (ChainId::SenderKey(message.chain_id()), message.iteration())
            }
        })
    }
}

fn of_signal(message: &SignalMessage) -> (ChainId, u32) {
    (
        ChainId::Ratchet(raw(message.sender_ratchet_key())),
        message.counter(),
    )
}
