//! A ciphertext as an `<enc>` carries it, and what can be read off it without a key.

use wacore_libsignal::protocol::{PreKeySignalMessage, SenderKeyMessage, SignalMessage};

use crate::signal::party::bundle::raw;
use crate::signal::party::error::Error;
use crate::signal::party::kind::EncKind;

/// A ciphertext: an `<enc>`'s type and content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enc {
    /// Its `type`.
    pub kind: EncKind,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Which chain of message keys a ciphertext was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainId {
    /// The sender's ratchet public key: unique by itself.
    Ratchet([u8; 32]),
    /// The sender key's chain id, a 31-bit random number: unique only together with sender and group.
    SenderKey(u32),
}

impl Enc {
    /// The chain and the counter in it, both in clear on the wire. A sender that repeats a pair has used a message
    /// key twice; in a ledger, a [`ChainId::SenderKey`] needs its sender and group beside it.
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
