//! A slot of a header: the data key, wrapped for one secret.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{
    Bytes, FIXED_BYTES, MAX_SLOT_NAME_BYTES, Purpose, SLOT_BYTES, SUITE, StoreId, VERSION,
};
use crate::secret::{Cost, Key32, NoRandom, Secret, derive, random};

const KEK_INFO: &[u8] = b"openclaw/vault/v1 kek";

/// How the secret of a slot becomes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// 32 random bytes.
    Raw,
    /// A passphrase, stretched with Argon2id at this cost.
    Passphrase(Cost),
}

/// The public part of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// The name, unique within a header.
    pub name: String,
    /// The kind of secret that opens it.
    pub kind: SlotKind,
    /// When the slot was created or its secret last changed, in Unix seconds.
    pub created: u64,
}

#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) info: SlotInfo,
    salt: [u8; 32],
    nonce: [u8; 24],
    wrapped: [u8; 48],
}

impl Slot {
    pub(crate) fn wrap(
        purpose: Purpose,
        store: StoreId,
        name: &str,
        created: u64,
        secret: &Secret,
        data_key: &[u8; 32],
    ) -> Result<Self, NoRandom> {
        let kind = match secret {
            Secret::Raw(_) => SlotKind::Raw,
            Secret::Passphrase(_) => SlotKind::Passphrase(Cost::DEFAULT),
        };
        let mut slot = Self {
            info: SlotInfo {
                name: name.to_owned(),
                kind,
                created,
            },
            salt: [0; 32],
            nonce: [0; 24],
            wrapped: [0; 48],
        };
        random(&mut slot.salt)?;
        random(&mut slot.nonce)?;
        let aad = slot.associated(purpose, store);
        let kek = slot
            .kek(secret)
            .expect("the secret is of the slot's kind, its cost the default");
        let wrapped = XChaCha20Poly1305::new(kek.bytes().into())
            .encrypt(
                &XNonce::from(slot.nonce),
                Payload {
                    msg: data_key,
                    aad: &aad,
                },
            )
            .expect("32 bytes are within the cipher's bounds");
        slot.wrapped.copy_from_slice(&wrapped);
        Ok(slot)
    }

    pub(super) fn unwrap(
        &self,
        purpose: Purpose,
        store: StoreId,
        secret: &Secret,
    ) -> Option<Key32> {
        let kek = self.kek(secret)?;
        let aad = self.associated(purpose, store);
        let payload = Payload {
            msg: &self.wrapped,
            aad: &aad,
        };
        let opened = XChaCha20Poly1305::new(kek.bytes().into())
            .decrypt(&XNonce::from(self.nonce), payload)
            .ok()
            .map(Zeroizing::new)?;
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(opened.get(..32)?);
        Some(Key32::take(&mut key))
    }

    fn kek(&self, secret: &Secret) -> Option<Key32> {
        let stretched;
        let key = match (secret, self.info.kind) {
            (Secret::Raw(key), SlotKind::Raw) => key,
            (Secret::Passphrase(words), SlotKind::Passphrase(cost)) => {
                stretched = cost.stretch(words, &self.salt)?;
                &stretched
            }
            _ => return None,
        };
        Some(derive(key.bytes(), &self.salt, KEK_INFO))
    }

    fn associated(&self, purpose: Purpose, store: StoreId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + SLOT_BYTES);
        bytes.extend(purpose.magic());
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(SUITE.to_le_bytes());
        bytes.extend(store.0);
        self.describe(&mut bytes);
        bytes
    }

    fn describe(&self, out: &mut Vec<u8>) {
        let SlotInfo {
            name,
            kind,
            created,
        } = &self.info;
        let (kind, cost) = match kind {
            SlotKind::Raw => (
                1,
                Cost {
                    memory: 0,
                    time: 0,
                    lanes: 0,
                },
            ),
            SlotKind::Passphrase(cost) => (2, *cost),
        };
        let mut padded = [0; MAX_SLOT_NAME_BYTES];
        padded[..name.len()].copy_from_slice(name.as_bytes());
        out.extend([kind, name.len() as u8]);
        out.extend(padded);
        out.extend(created.to_le_bytes());
        for number in [cost.memory, cost.time, cost.lanes] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.salt);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.describe(out);
        out.extend(self.nonce);
        out.extend(self.wrapped);
    }

    pub(super) fn decode(bytes: &mut Bytes<'_>) -> Option<Self> {
        let [kind, length] = bytes.array()?;
        let name: [u8; MAX_SLOT_NAME_BYTES] = bytes.array()?;
        let (name, padding) = name.split_at_checked(usize::from(length))?;
        let name = std::str::from_utf8(name).ok()?;
        let created = bytes.u64()?;
        let cost = Cost {
            memory: bytes.u32()?,
            time: bytes.u32()?,
            lanes: bytes.u32()?,
        };
        let kind = match kind {
            1 => SlotKind::Raw,
            2 if cost.is_allowed() => SlotKind::Passphrase(cost),
            _ => return None,
        };
        let info = SlotInfo {
            name: name.to_owned(),
            kind,
            created,
        };
        let whole = is_name(name) && padding.iter().all(|byte| *byte == 0);
        whole.then_some(())?;
        Some(Self {
            info,
            salt: bytes.array()?,
            nonce: bytes.array()?,
            wrapped: bytes.array()?,
        })
    }
}

/// Names are short and printable on one line.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.@".contains(character);
    (1..=MAX_SLOT_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed)
}
