//! Single-use enrolment codes.

use data_encoding::{Encoding, HEXLOWER, Specification};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::LazyLock;
use zeroize::{Zeroize as _, Zeroizing};

use crate::NoRandom;

/// Random bytes: 144 bits, too many to guess even with a recording of the whole exchange and unlimited time.
const SECRET_BYTES: usize = 18;
/// The checksum distinguishes a mistyped code from an unknown one without contacting the agent.
const CHECKSUM_BYTES: usize = 2;
const CHARS_PER_GROUP: usize = 4;

/// Douglas Crockford's base32: no letter looks like a digit, and letters that do are read as that digit.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut alphabet = Specification::new();
    alphabet
        .symbols
        .push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    alphabet
        .translate
        .from
        .push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    alphabet
        .translate
        .to
        .push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    alphabet.ignore.push_str("- \t\r\n");
    alphabet.encoding().expect("the 32 symbols are distinct")
});

/// A single-use code: anyone who has it can enroll, once. No `Debug` of the secret, no `Clone`; wiped when dropped.
///
/// Written as `9F2K-…`: 32 characters of Crockford's base32 in groups of four; the last 16 bits are a checksum.
pub struct Code([u8; SECRET_BYTES]);

/// Identifies a code without revealing it: the first 8 bytes of a hash of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeId(pub [u8; 8]);

/// The text is not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "that is not an enrolment code: those have 32 letters and digits in groups of four, and a checksum"
)]
pub struct BadCode;

impl Code {
    /// Generates a code.
    ///
    /// # Errors
    /// The operating system returned no random bytes.
    pub fn generate() -> Result<Self, NoRandom> {
        let mut code = Self([0; SECRET_BYTES]);
        getrandom::fill(&mut code.0).map_err(NoRandom)?;
        Ok(code)
    }

    /// Parses a code that a person pasted or typed: lower case, spaces and missing dashes are accepted.
    ///
    /// # Errors
    /// The text is not a code, or was mistyped.
    pub fn parse(text: &str) -> Result<Self, BadCode> {
        // Far longer than any spelling of a code, so do not process it.
        if text.len() > 128 {
            return Err(BadCode);
        }
        let decoded = BASE32.decode(text.as_bytes()).map_err(|_| BadCode)?;
        let decoded = Zeroizing::new(decoded);
        let (secret, check) = decoded.split_at_checked(SECRET_BYTES).ok_or(BadCode)?;
        let code = Self(secret.try_into().map_err(|_| BadCode)?);
        if check == code.check() {
            Ok(code)
        } else {
            Err(BadCode)
        }
    }

    /// A code from its stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes to store, which the caller must seal.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; SECRET_BYTES]> {
        Zeroizing::new(self.0)
    }

    /// The code as it is shown, once, to the person who will use it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES + CHECKSUM_BYTES]);
        bytes[..SECRET_BYTES].copy_from_slice(&self.0);
        bytes[SECRET_BYTES..].copy_from_slice(&self.check());
        let plain = Zeroizing::new(BASE32.encode(&*bytes));
        let mut text = Zeroizing::new(String::with_capacity(
            plain.len() + plain.len() / CHARS_PER_GROUP,
        ));
        for (at, symbol) in plain.chars().enumerate() {
            if at > 0 && at % CHARS_PER_GROUP == 0 {
                text.push('-');
            }
            text.push(symbol);
        }
        text
    }

    /// The id of the code.
    #[must_use]
    pub fn id(&self) -> CodeId {
        CodeId(self.hash("openclaw enrolment code id"))
    }

    pub(crate) const fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    fn check(&self) -> [u8; CHECKSUM_BYTES] {
        self.hash("openclaw enrolment code check")
    }

    /// The first bytes of `SHA-256(label | 0 | secret)`.
    fn hash<const N: usize>(&self, label: &str) -> [u8; N] {
        let hash = Sha256::new()
            .chain_update(label)
            .chain_update([0])
            .chain_update(self.0);
        let hash: [u8; 32] = hash.finalize().into();
        std::array::from_fn(|at| hash[at])
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

impl fmt::Display for CodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_code_parses() {
        let code = Code::generate().unwrap();
        let shown = code.reveal();
        assert_eq!(shown.len(), 32 + 7);
        for text in [
            shown.to_string(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            shown.replace('-', " "),
            format!(" {}\n", *shown),
            shown.replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(Code::parse(&text).unwrap().id(), code.id(), "{text}");
        }
    }

    #[test]
    fn a_mistyped_code_is_detected() {
        let shown = Code::generate().unwrap().reveal();
        for at in 0..shown.len() {
            let symbol = &shown[at..=at];
            if symbol == "-" {
                continue;
            }
            let other = if symbol == "7" { "8" } else { "7" };
            let mut wrong = shown.to_string();
            wrong.replace_range(at..=at, other);
            assert_eq!(Code::parse(&wrong).err(), Some(BadCode), "{wrong}");
        }
        for text in [
            "",
            "-",
            "ABCD",
            &shown[..35],
            &format!("{}-ABCD", *shown),
            "ä",
        ] {
            assert_eq!(Code::parse(text).err(), Some(BadCode), "{text}");
        }
    }

    #[test]
    fn debug_output_does_not_show_it() {
        let code = Code::generate().unwrap();
        assert_eq!(format!("{code:?}"), "Code(…)");
    }
}
