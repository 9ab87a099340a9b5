//! The header: the store's id, the number of the live log, and the data key, wrapped once for each secret.
//!
//! ```text
//! magic(8) version(2) suite(2) store id(16) revision(8) generation(8) log(8) durable(8) slots(1) slot * slots mac(32)
//! and zeros to 4096
//! slot  = kind(1) name length(1) name(32) created(8) memory(4) time(4) lanes(4) salt(32) nonce(24) wrapped(32) tag(16)
//! KEK   = HKDF-SHA256(raw key or Argon2id(passphrase, salt), salt, "openclaw/vault/v1 kek")
//! wrapped, tag = XChaCha20-Poly1305(KEK, nonce, data key, aad = magic version suite store id | slot up to its nonce)
//! mac   = HMAC-SHA256(HKDF-SHA256(data key, store id, "openclaw/vault/v1 header"), all bytes before it)
//! ```
//!
//! Numbers are little-endian. The MAC prevents anyone without the data key from removing, adding or weakening slots.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::Error;
use crate::secret::{Key32, NoRandom, Secret, derive, random};

mod slot;

pub(crate) use slot::{Slot, is_name};
pub use slot::{SlotInfo, SlotKind};

/// The size of a header, which is padded.
pub const HEADER_BYTES: usize = 4096;
/// The maximum number of slots.
pub const MAX_SLOTS: usize = 16;
/// The maximum length of a slot's name in bytes.
pub const MAX_SLOT_NAME_BYTES: usize = 32;

const VERSION: u16 = 1;
/// HKDF-SHA256, XChaCha20-Poly1305, ChaCha20-Poly1305, HMAC-SHA256, Argon2id.
const SUITE: u16 = 1;
const FIXED_BYTES: usize = 8 + 2 + 2 + 16 + 8 + 8 + 8 + 8 + 1;
const SLOT_BYTES: usize = 1 + 1 + MAX_SLOT_NAME_BYTES + 8 + 4 + 4 + 4 + 32 + 24 + 48;
const MAC_BYTES: usize = 32;

const MAC_INFO: &[u8] = b"openclaw/vault/v1 header";

/// The file type that a header belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Vault,
    Backup,
}

impl Purpose {
    fn magic(self) -> [u8; 8] {
        match self {
            Self::Vault => *b"OCVAULT\0",
            Self::Backup => *b"OCBACKUP",
        }
    }
}

/// Replaces the magic of a vault that is being erased: if opening finds it, it completes the erasure.
pub(crate) const ERASED: [u8; 8] = *b"OCERASED";

/// A store's random id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub [u8; 16]);

impl StoreId {
    pub(crate) fn random() -> Result<Self, NoRandom> {
        let mut id = [0; 16];
        random(&mut id)?;
        Ok(Self(id))
    }
}

impl std::fmt::Display for StoreId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        HEXLOWER.encode_write(&self.0, f)
    }
}

/// A decoded header. [`Parsed::open`] authenticates it.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) purpose: Purpose,
    pub(crate) store: StoreId,
    /// Incremented by every write; the copy with the higher revision is current.
    pub(crate) revision: u64,
    /// The number of times the store has been opened.
    pub(crate) generation: u64,
    /// The number of the live log.
    pub(crate) log: u64,
    /// The bytes of the log that were durable when this header was written. A frame in them that does not open is
    /// damage, never a torn write.
    pub(crate) durable: u64,
    pub(crate) slots: Vec<Slot>,
}

impl Header {
    /// The name of the slot that `secret` opens.
    pub(crate) fn slot_of(&self, secret: &Secret) -> Option<String> {
        let mut slots = self.slots.iter();
        let slot = slots.find(|slot| slot.unwrap(self.purpose, self.store, secret).is_some())?;
        Some(slot.info.name.clone())
    }

    /// The error for a secret that opens no slot.
    pub(crate) fn wrong_key(&self) -> Error {
        let slots: Vec<_> = self.slots.iter().map(|slot| &*slot.info.name).collect();
        Error::WrongKey {
            store: self.store,
            slots: slots.join(", "),
        }
    }

    /// Encodes to `HEADER_BYTES` bytes.
    pub(crate) fn encode(&self, data_key: &[u8; 32]) -> Vec<u8> {
        let mut bytes = self.encode_fields();
        let mac = mac(data_key, self.store, &bytes);
        bytes.extend(mac.finalize().into_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes
    }

    fn encode_fields(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(self.purpose.magic());
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(SUITE.to_le_bytes());
        bytes.extend(self.store.0);
        for number in [self.revision, self.generation, self.log, self.durable] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.push(u8::try_from(self.slots.len()).expect("at most MAX_SLOTS"));
        for slot in &self.slots {
            slot.encode(&mut bytes);
        }
        bytes
    }

    /// Decodes a header without authenticating it.
    pub(crate) fn decode(purpose: Purpose, whole: &[u8]) -> Result<Parsed, Unreadable> {
        let mut bytes = Bytes(whole.get(..HEADER_BYTES).ok_or(Unreadable::Short)?);
        let magic: [u8; 8] = bytes.array().ok_or(Unreadable::Short)?;
        if magic != purpose.magic() {
            return Err(Unreadable::Foreign);
        }
        let version = bytes.u16().ok_or(Unreadable::Short)?;
        let suite = bytes.u16().ok_or(Unreadable::Short)?;
        if (version, suite) != (VERSION, SUITE) {
            return Err(Unreadable::Newer { version, suite });
        }
        Self::decode_rest(purpose, &mut bytes, whole).ok_or(Unreadable::Malformed)
    }

    fn decode_rest(purpose: Purpose, bytes: &mut Bytes<'_>, whole: &[u8]) -> Option<Parsed> {
        let store = StoreId(bytes.array()?);
        let [revision, generation, log, durable] =
            [bytes.u64()?, bytes.u64()?, bytes.u64()?, bytes.u64()?];
        let [count] = bytes.array()?;
        let count = usize::from(count);
        if !(1..=MAX_SLOTS).contains(&count) {
            return None;
        }
        let slots = (0..count)
            .map(|_| Slot::decode(bytes))
            .collect::<Option<Vec<_>>>()?;
        let covered = FIXED_BYTES + count * SLOT_BYTES;
        let mac = bytes.array()?;
        bytes.0.iter().all(|byte| *byte == 0).then_some(())?;
        let header = Self {
            purpose,
            store,
            revision,
            generation,
            log,
            durable,
            slots,
        };
        Some(Parsed {
            header,
            covered: whole[..covered].to_vec(),
            mac,
        })
    }
}

fn mac(data_key: &[u8; 32], store: StoreId, bytes: &[u8]) -> Hmac<Sha256> {
    let key = derive(data_key, &store.0, MAC_INFO);
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac
}

/// A decoded header with its MAC, which is not checked yet.
pub(crate) struct Parsed {
    pub(crate) header: Header,
    covered: Vec<u8>,
    mac: [u8; MAC_BYTES],
}

impl Parsed {
    /// Returns the data key, if the secret opens a slot and the MAC is correct.
    pub(crate) fn open(&self, secret: &Secret) -> Result<Key32, Locked> {
        let Header {
            purpose,
            store,
            ref slots,
            ..
        } = self.header;
        let mut opened = slots
            .iter()
            .filter_map(|slot| slot.unwrap(purpose, store, secret));
        let data_key = opened.next().ok_or(Locked::WrongKey)?;
        if self.is_genuine(data_key.bytes()) {
            Ok(data_key)
        } else {
            Err(Locked::Forged)
        }
    }

    pub(crate) fn is_genuine(&self, data_key: &[u8; 32]) -> bool {
        mac(data_key, self.header.store, &self.covered)
            .verify_slice(&self.mac)
            .is_ok()
    }
}

/// Why a header yields no data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    /// No slot opens with this secret.
    WrongKey,
    /// A slot opens, but the MAC does not match.
    Forged,
}

/// Why bytes do not decode as a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Short,
    Foreign,
    Newer { version: u16, suite: u16 },
    Malformed,
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
