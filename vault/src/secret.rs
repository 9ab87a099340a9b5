//! The secrets that open a vault, and the keys derived from them. Nothing here has `Debug` or `Clone`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER_PERMISSIVE;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::strength::{Weakness, weakness};

/// The prefix of a key as text, so that scanners for leaked secrets can recognise it.
const PREFIX: &str = "openclaw-key-";
/// The maximum length of a passphrase, in bytes.
const MAX_PASSPHRASE_BYTES: usize = 1024;

/// 32 secret bytes, wiped when dropped.
pub struct Key32(Box<[u8; 32]>);

impl Key32 {
    /// Takes the bytes and wipes the source.
    #[must_use]
    pub fn take(from: &mut [u8; 32]) -> Self {
        let key = Self(Box::new(*from));
        from.zeroize();
        key
    }

    /// 32 bytes from the operating system's random generator.
    pub fn random() -> Result<Self, NoRandom> {
        let mut key = Self(Box::new([0; 32]));
        random(&mut *key.0)?;
        Ok(key)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key as text, for a file or a variable: `openclaw-key-` and 43 characters of URL-safe base64.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 43));
        text.push_str(PREFIX);
        BASE64_URL_SAFE_NO_PAD.encode_string(&self.0[..], &mut text);
        text
    }
}

impl std::ops::Deref for Key32 {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The key that everything is sealed under, in memory that the caller chooses.
pub type DataKey = std::sync::Arc<dyn std::ops::Deref<Target = [u8; 32]> + Send + Sync>;

/// Moves a data key to where it is held while the vault is open.
pub type Hold = fn(Key32) -> DataKey;

/// Holds a data key on the heap.
#[must_use]
pub fn on_heap(key: Key32) -> DataKey {
    std::sync::Arc::new(key)
}

impl Drop for Key32 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// `HKDF-SHA256(secret, salt, info)`, 32 bytes.
pub(crate) fn derive(secret: &[u8; 32], salt: &[u8], info: &[u8]) -> Key32 {
    let mut key = Key32(Box::new([0; 32]));
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, &mut *key.0)
        .expect("32 bytes are within HKDF's bounds");
    key
}

/// The operating system returned no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator failed: {0}")]
pub struct NoRandom(getrandom::Error);

pub(crate) fn random(bytes: &mut [u8]) -> Result<(), NoRandom> {
    getrandom::fill(bytes).map_err(NoRandom)
}

/// What a person or a platform keeps in order to open a vault or a backup.
pub enum Secret {
    /// 32 random bytes.
    Raw(Key32),
    /// A passphrase, which is stretched.
    Passphrase(Zeroizing<String>),
}

/// Why a secret is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// Not 32 bytes in a known encoding.
    #[error(
        "a key is 32 bytes: `openclaw-key-…`, 64 hexadecimal digits or 44 characters of base64"
    )]
    NotAKey,
    /// The same byte 32 times: a placeholder.
    #[error("the key is not random: every byte of it is the same")]
    NotRandom,
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The passphrase exceeds the length limit.
    #[error("the passphrase is longer than {MAX_PASSPHRASE_BYTES} bytes")]
    LongPassphrase,
}

impl Secret {
    /// Parses a key as [`Key32::to_text`] writes it, or in hexadecimal or base64 (as `openssl rand` prints it);
    /// surrounding white space is ignored.
    pub fn parse_key(text: &str) -> Result<Self, BadSecret> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; 32]);
        let read = match text.strip_prefix(PREFIX) {
            Some(rest) => decode(&BASE64_URL_SAFE_NO_PAD, rest, &mut bytes),
            None => decode_hex(text, &mut bytes)
                .or_else(|| decode(&BASE64_STANDARD, text, &mut bytes))
                .or_else(|| decode(&BASE64_URL_SAFE_NO_PAD, text, &mut bytes)),
        };
        read.ok_or(BadSecret::NotAKey)?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(BadSecret::NotRandom);
        }
        Ok(Self::Raw(Key32::take(&mut bytes)))
    }

    /// Why a passphrase is weak, if it is: nothing new should be sealed with it. `None` for a key.
    #[must_use]
    pub fn weakness(&self) -> Option<Weakness> {
        match self {
            Self::Raw(_) => None,
            Self::Passphrase(words) => weakness(words),
        }
    }

    /// Parses a passphrase; one line ending after it is ignored.
    pub fn parse_passphrase(text: &str) -> Result<Self, BadSecret> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        match text.len() {
            0 => Err(BadSecret::EmptyPassphrase),
            length if length > MAX_PASSPHRASE_BYTES => Err(BadSecret::LongPassphrase),
            _ => Ok(Self::Passphrase(Zeroizing::new(text.to_owned()))),
        }
    }
}

fn decode(engine: &impl base64::Engine, text: &str, bytes: &mut [u8; 32]) -> Option<()> {
    // The base64 engine needs space for a whole last group.
    let mut room = Zeroizing::new([0; 36]);
    let length = engine.decode_slice(text, &mut *room).ok()?;
    bytes.copy_from_slice((length == 32).then(|| &room[..32])?);
    Some(())
}

fn decode_hex(text: &str, bytes: &mut [u8; 32]) -> Option<()> {
    // 32 bytes are exactly 64 digits.
    if text.len() != 64 {
        return None;
    }
    let read = HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), bytes);
    read.is_ok().then_some(())
}

/// The parameters of Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes.
    pub time: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// OWASP's minimum: 26 ms on a small machine.
    pub const DEFAULT: Self = Self {
        memory: 19 * 1024,
        time: 2,
        lanes: 1,
    };

    /// Checked before Argon2id runs: a forged header must not exhaust the machine's memory.
    pub(crate) fn is_allowed(self) -> bool {
        (8 * 1024..=256 * 1024).contains(&self.memory)
            && (1..=16).contains(&self.time)
            && (1..=4).contains(&self.lanes)
    }

    pub(crate) fn stretch(self, passphrase: &str, salt: &[u8]) -> Option<Key32> {
        let params = Params::new(self.memory, self.time, self.lanes, Some(32)).ok()?;
        let mut key = Key32(Box::new([0; 32]));
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, &mut *key.0)
            .ok()?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Result<[u8; 32], BadSecret> {
        match Secret::parse_key(text)? {
            Secret::Raw(key) => Ok(*key.bytes()),
            Secret::Passphrase(_) => unreachable!("`raw` parses keys only"),
        }
    }

    #[test]
    fn a_key_parses_in_every_encoding() {
        let key = Key32::random().unwrap();
        let hex: String = key
            .bytes()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        for text in [
            key.to_text().to_string(),
            format!(" {}\r\n", key.to_text().as_str()),
            hex,
            BASE64_STANDARD.encode(key.bytes()),
        ] {
            assert_eq!(raw(&text).unwrap(), *key.bytes());
        }
    }

    #[test]
    fn an_invalid_key_is_refused() {
        for text in [
            "",
            "openclaw-key-",
            "password",
            &"ab".repeat(31),
            &"é".repeat(32),
        ] {
            assert_eq!(raw(text).unwrap_err(), BadSecret::NotAKey);
        }
        assert_eq!(raw(&"00".repeat(32)).unwrap_err(), BadSecret::NotRandom);
    }

    #[test]
    fn costs_out_of_bounds_are_rejected() {
        assert!(Cost::DEFAULT.is_allowed());
        let costly = |memory, time, lanes| Cost {
            memory,
            time,
            lanes,
        };
        assert!(!costly(u32::MAX, 2, 1).is_allowed());
        assert!(!costly(19 * 1024, 1_000_000, 1).is_allowed());
        assert!(!costly(8, 1, 1).is_allowed());
        assert!(!costly(19 * 1024, 2, 0).is_allowed());
    }
}
