//! A Signal endpoint: a device with its identity, prekeys, sessions and sender keys, all in memory.
//!
//! Phones, contacts and their groups use it. It handles ciphertexts and protobuf messages, but no stanzas, JIDs or
//! other devices.

mod bundle;
mod enc;
mod error;
mod kind;
mod store;

use std::collections::VecDeque;

use rand::RngExt as _;
use rand::rngs::StdRng;
use wacore::messages::{self, MessageUtils};
use wacore_libsignal::protocol::{
    self as signal, CiphertextMessage, GenericSignedPreKey as _, IdentityKeyPair, KeyPair,
    PreKeyRecord, PreKeySignalMessage, ProtocolAddress, SenderKeyDistributionMessage,
    SenderKeyName, SignalMessage, SignedPreKeyRecord, Timestamp, UsePQRatchet,
};
use waproto::whatsapp as wa;

use bundle::raw;
pub use bundle::{Bundle, SignedPreKey};
pub use enc::{ChainId, Enc};
pub use error::Error;
pub use kind::EncKind;
use store::{Identities, PreKeys, SenderKeys, Sessions, SignedPreKeys};

/// The number of one-time prekeys in a batch.
const PREKEY_BATCH: u32 = 100;
/// A new batch is generated when fewer than this are left.
const PREKEYS_LOW: usize = 10;
/// `<enc v="2">`: the payload is padded with 1 to 16 bytes, each with the padding's length as its value.
const PADDING_VERSION: u8 = 2;
const SIGNED_PREKEY_ID: u32 = 1;

/// A Signal endpoint (a device). Async only because libsignal's store traits are: its futures are always ready.
///
/// It has no `Debug` and no `Clone`: two copies would advance the same ratchets.
pub struct Party {
    identities: Identities,
    prekeys: PreKeys,
    signed_prekeys: SignedPreKeys,
    sessions: Sessions,
    sender_keys: SenderKeys,
    signed: SignedPreKey,
    /// One-time prekeys that were in no bundle yet.
    unissued: VecDeque<(u32, [u8; 32])>,
    next_prekey_id: u32,
    rng: StdRng,
}

impl Default for Party {
    fn default() -> Self {
        Self::new()
    }
}

impl Party {
    /// Generates an identity and registration id, a signed prekey, and one-time prekeys.
    pub fn new() -> Self {
        let mut rng: StdRng = rand::make_rng();
        let own = IdentityKeyPair::generate(&mut rng);
        let key = KeyPair::generate(&mut rng);
        let signature = sign(&own, &key.public_key.serialize());
        let record = SignedPreKeyRecord::new(
            SIGNED_PREKEY_ID.into(),
            Timestamp::from_epoch_millis(0),
            &key,
            &signature,
        );
        let signed = SignedPreKey {
            id: SIGNED_PREKEY_ID,
            public: raw(&key.public_key),
            signature,
        };
        let registration_id = rng.random_range(1..=0x3fff);
        let mut party = Self {
            identities: Identities {
                own,
                registration_id,
                known: Default::default(),
            },
            prekeys: PreKeys::default(),
            signed_prekeys: SignedPreKeys([(SIGNED_PREKEY_ID.into(), record)].into()),
            sessions: Sessions::default(),
            sender_keys: SenderKeys::default(),
            signed,
            unissued: VecDeque::new(),
            next_prekey_id: 1,
            rng,
        };
        party.make_prekeys();
        party
    }

    /// The identity's public key, without libsignal's type byte.
    pub fn identity_public(&self) -> [u8; 32] {
        raw(self.identities.own.public_key())
    }

    /// The registration id: 14 bits, never 0.
    pub fn registration_id(&self) -> u32 {
        self.identities.registration_id
    }

    /// The identity key pair, which signs for an account at pairing.
    pub fn identity_key_pair(&self) -> &IdentityKeyPair {
        &self.identities.own
    }

    /// A prekey bundle, with which another party starts a session. Each call uses a new one-time prekey.
    pub fn take_bundle(&mut self) -> Bundle {
        if self.unissued.len() < PREKEYS_LOW {
            self.make_prekeys();
        }
        Bundle {
            registration_id: self.registration_id(),
            identity: self.identity_public(),
            signed: self.signed.clone(),
            one_time: self.unissued.pop_front(),
        }
    }

    fn make_prekeys(&mut self) {
        for id in self.next_prekey_id..self.next_prekey_id + PREKEY_BATCH {
            let key = KeyPair::generate(&mut self.rng);
            self.prekeys
                .0
                .insert(id.into(), PreKeyRecord::new(id.into(), &key));
            self.unissued.push_back((id, raw(&key.public_key)));
        }
        self.next_prekey_id += PREKEY_BATCH;
    }

    /// Whether this party can encrypt for `to` without a bundle.
    pub fn has_session(&self, to: &ProtocolAddress) -> bool {
        self.sessions.0.contains_key(to)
    }

    /// Deletes the session with `to`: the next message needs a bundle and is a pkmsg.
    pub fn forget_session(&mut self, to: &ProtocolAddress) {
        self.sessions.0.remove(to);
    }

    /// Pads and encrypts for one device. `bundle` is verified and used only if there is no session.
    ///
    /// # Errors
    /// No session and no bundle; a bundle whose signature is wrong.
    pub async fn encrypt(
        &mut self,
        to: &ProtocolAddress,
        bundle: Option<&Bundle>,
        message: &wa::Message,
    ) -> Result<Enc, Error> {
        if let Some(bundle) = bundle.filter(|_| !self.has_session(to)) {
            self.open_session(to, bundle).await?;
        }
        let ciphertext = signal::message_encrypt(
            &padded(message),
            to,
            &mut self.sessions,
            &mut self.identities,
        )
        .await?;
        let kind = match ciphertext {
            CiphertextMessage::PreKeySignalMessage(_) => EncKind::Pkmsg,
            _ => EncKind::Msg,
        };
        Ok(Enc {
            kind,
            bytes: ciphertext.serialize().to_vec(),
        })
    }

    /// Begins a new session with `to`, as after a retry receipt: the next message is a pkmsg. As in every implementation of
    /// Signal, messages of the session before, which may be on their way, still decrypt.
    ///
    /// # Errors
    /// The signature of the bundle is wrong.
    pub async fn open_session(
        &mut self,
        to: &ProtocolAddress,
        bundle: &Bundle,
    ) -> Result<(), Error> {
        bundle.verify()?;
        let bundle = bundle.to_signal(to.device_id())?;
        signal::process_prekey_bundle(
            to,
            &mut self.sessions,
            &mut self.identities,
            &bundle,
            &mut self.rng,
            UsePQRatchet::No,
        )
        .await?;
        Ok(())
    }

    /// Decrypts a pkmsg or msg and removes the padding. Messages may arrive out of order; a repeated one is
    /// [`Error::is_duplicate`].
    ///
    /// # Errors
    /// A wrong MAC, an unknown session or prekey, bad padding, content that is no message, a group ciphertext.
    pub async fn decrypt(
        &mut self,
        from: &ProtocolAddress,
        enc: &Enc,
    ) -> Result<wa::Message, Error> {
        let ciphertext = match enc.kind {
            EncKind::Pkmsg => CiphertextMessage::PreKeySignalMessage(
                PreKeySignalMessage::try_from(enc.bytes.as_slice())?,
            ),
            EncKind::Msg => {
                CiphertextMessage::SignalMessage(SignalMessage::try_from(enc.bytes.as_slice())?)
            }
            EncKind::Skmsg => return Err(Error::Kind(enc.kind)),
        };
        let opened = signal::message_decrypt(
            &ciphertext,
            from,
            &mut self.sessions,
            &mut self.identities,
            &mut self.prekeys,
            &self.signed_prekeys,
            &mut self.rng,
            UsePQRatchet::No,
        )
        .await?;
        // libsignal leaves this to the caller. A client that uses the prekey again must fail here.
        if let Some(used) = opened.consumed_prekey_id {
            self.prekeys.0.remove(&used);
        }
        unpadded(&opened.plaintext)
    }

    /// The party's own sender key for `group`, created on first use, as the bytes of a distribution message.
    ///
    /// # Errors
    /// Only if the stored key is damaged.
    pub async fn sender_key_distribution(
        &mut self,
        group: &str,
        me: &ProtocolAddress,
    ) -> Result<Vec<u8>, Error> {
        let name = sender_key_name(group, me);
        let skdm = signal::create_sender_key_distribution_message(
            &name,
            &mut self.sender_keys,
            &mut self.rng,
        )
        .await?;
        Ok(skdm.serialized().to_vec())
    }

    /// Deletes the party's own sender key for `group`, as after a member left: the next distribution has a new key.
    pub fn forget_sender_key(&mut self, group: &str, me: &ProtocolAddress) {
        self.sender_keys.0.remove(&sender_key_name(group, me));
    }

    /// Whether the sender key of another member was received.
    pub fn has_sender_key(&self, group: &str, from: &ProtocolAddress) -> bool {
        self.sender_keys
            .0
            .contains_key(&sender_key_name(group, from))
    }

    /// Stores the sender key of another member.
    ///
    /// # Errors
    /// The bytes are not a distribution message.
    pub async fn process_distribution(
        &mut self,
        group: &str,
        from: &ProtocolAddress,
        skdm: &[u8],
    ) -> Result<(), Error> {
        let skdm = SenderKeyDistributionMessage::try_from(skdm)?;
        let name = sender_key_name(group, from);
        signal::process_sender_key_distribution_message(&name, &skdm, &mut self.sender_keys)
            .await?;
        Ok(())
    }

    /// Pads and encrypts for a group; [`Self::sender_key_distribution`] must have created the key.
    ///
    /// # Errors
    /// There is no sender key of one's own for the group.
    pub async fn group_encrypt(
        &mut self,
        group: &str,
        me: &ProtocolAddress,
        message: &wa::Message,
    ) -> Result<Enc, Error> {
        let name = sender_key_name(group, me);
        let skmsg = signal::group_encrypt(
            &mut self.sender_keys,
            &name,
            &padded(message),
            &mut self.rng,
        )
        .await?;
        Ok(Enc {
            kind: EncKind::Skmsg,
            bytes: skmsg.serialized().to_vec(),
        })
    }

    /// Decrypts a group message whose sender key was received, verifies its signature, and removes the padding.
    ///
    /// # Errors
    /// No such sender key, a wrong signature, bad padding or content, a pairwise ciphertext.
    pub async fn group_decrypt(
        &mut self,
        group: &str,
        from: &ProtocolAddress,
        enc: &Enc,
    ) -> Result<wa::Message, Error> {
        if enc.kind != EncKind::Skmsg {
            return Err(Error::Kind(enc.kind));
        }
        let name = sender_key_name(group, from);
        let plaintext = signal::group_decrypt(&enc.bytes, &mut self.sender_keys, &name).await?;
        unpadded(&plaintext)
    }
}

/// XEdDSA(private, message) with new randomness.
pub(crate) fn sign(identity: &IdentityKeyPair, message: &[u8]) -> [u8; 64] {
    identity
        .private_key()
        .calculate_signature(message, &mut rand::make_rng::<StdRng>())
        .expect("a Curve25519 key signs any message")
}

fn sender_key_name(group: &str, sender: &ProtocolAddress) -> SenderKeyName {
    SenderKeyName::from_parts(group, sender.as_str())
}

fn padded(message: &wa::Message) -> Vec<u8> {
    MessageUtils::pad_message_v2(waproto::codec::message_to_vec(message))
}

fn unpadded(plaintext: &[u8]) -> Result<wa::Message, Error> {
    messages::decode_plaintext(plaintext, PADDING_VERSION)
        .map_err(|error| Error::Content(error.to_string()))
}

#[cfg(test)]
mod tests;
