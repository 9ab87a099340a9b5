//! Signatures as in Standard Webhooks: `v1,` and base64 of HMAC-SHA256(key, `id.timestamp.body`). The timestamp is
//! signed too, so that a receiver can refuse a replayed message.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use openclaw_settings::Flaw;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The prefix of a secret whose rest is base64.
const PREFIX: &str = "whsec_";
/// The key length that Standard Webhooks requires, in bytes. A plain-text secret may be shorter.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The length of a plain-text secret.
const TEXT_BYTES: std::ops::RangeInclusive<usize> = 16..=1024;
const MAX_KEY_FILE_BYTES: u64 = 4096;

/// The signing key. Wiped on drop.
pub struct SigningKey(Zeroizing<Vec<u8>>);

/// Why a text is not a valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// The part after the prefix is not base64.
    #[error("what follows whsec_ is not base64")]
    NotBase64,
    /// The prefix in another case, which receivers do not recognise.
    #[error("the prefix must be exactly `whsec_` (lower case)")]
    Prefix,
    /// The decoded key is too short or too long.
    #[error("what follows whsec_ must be 24 to 64 bytes in base64")]
    Length,
    /// The text is too short to be safe, or too long.
    #[error("it must have 16 to 1024 characters")]
    TextLength,
    /// The text has characters that the receiver may encode differently.
    #[error("it {0}")]
    Flawed(Flaw),
}

impl SigningKey {
    /// Reads a key from the bytes of a file or variable. The base64 after `whsec_` is unambiguous; any other text is
    /// checked for characters that the receiver may encode differently, since every signature would then be wrong.
    ///
    /// # Errors
    /// See [`BadKey`].
    pub fn read(given: &[u8]) -> Result<Self, BadKey> {
        if let Ok(Some(text)) = openclaw_settings::value(given)
            && text.starts_with(PREFIX)
        {
            return Self::parse(text);
        }
        let text = openclaw_settings::free_text(given).map_err(BadKey::Flawed)?;
        let text = text.map_or(Ok(""), |text| text.without_flaw().map_err(BadKey::Flawed))?;
        Self::parse(text)
    }

    /// Parses `whsec_` and base64, or a text whose bytes are the key.
    ///
    /// # Errors
    /// See [`BadKey`].
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let Some(encoded) = text.strip_prefix(PREFIX) else {
            let start = text.get(..PREFIX.len()).unwrap_or_default();
            if start.replace('-', "_").eq_ignore_ascii_case(PREFIX) {
                return Err(BadKey::Prefix);
            }
            return if TEXT_BYTES.contains(&text.len()) {
                Ok(Self(Zeroizing::new(text.as_bytes().to_vec())))
            } else {
                Err(BadKey::TextLength)
            };
        };
        let key = STANDARD.decode(encoded).map_err(|_| BadKey::NotBase64)?;
        let key = Zeroizing::new(key);
        if KEY_BYTES.contains(&key.len()) {
            Ok(Self(key))
        } else {
            Err(BadKey::Length)
        }
    }

    /// The value of the header `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Reads a file with a signing key; [`SigningKey::read`] parses it.
///
/// # Errors
/// It cannot be read, or is not a regular file.
pub fn read_key_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut given = Zeroizing::new(Vec::with_capacity(4096));
    let file = fs::File::open(path)?;
    file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut given)?;
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example from the test suites of the specification's own libraries.
    #[test]
    fn the_signature_matches_the_specifications_example() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_plain_text_secret_is_used_as_key_bytes() {
        let key = SigningKey::parse("correct horse battery").unwrap();
        let encoded = format!("whsec_{}", STANDARD.encode("correct horse battery staple"));
        let longer = SigningKey::parse(&encoded).unwrap();
        assert_eq!(&**longer.0, b"correct horse battery staple");
        assert_ne!(key.sign("a", 1, b"x"), longer.sign("a", 1, b"x"));
    }

    #[test]
    fn short_secrets_and_bad_base64_are_refused() {
        for (text, why) in [
            ("", BadKey::TextLength),
            ("fifteen letters", BadKey::TextLength),
            ("whsec_", BadKey::Length),
            ("whsec_c2hvcnQ=", BadKey::Length),
            ("whsec_not base64 at all", BadKey::NotBase64),
            ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", BadKey::Prefix),
            ("Whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", BadKey::Prefix),
            ("whsec-MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", BadKey::Prefix),
        ] {
            assert_eq!(SigningKey::parse(text).err(), Some(why), "{text}");
        }
    }
}
