//! Signatures as Standard Webhooks has them: `v1,` and base64 of HMAC-SHA256(key, `id.timestamp.body`). The time is
//! signed as well, so that a receiver can refuse what someone else has kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use openclaw_settings::Flaw;
use sha2::Sha256;
use zeroize::Zeroizing;

/// What secrets begin with whose rest is base64.
const PREFIX: &str = "whsec_";
/// What the specification asks of a key, in bytes. A text of one's own may be shorter.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The shortest and the longest text that is a key by itself.
const TEXT_BYTES: std::ops::RangeInclusive<usize> = 16..=1024;

/// The key that alerts are signed with. Wiped when dropped.
pub struct SigningKey(Zeroizing<Vec<u8>>);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Behind the prefix is no base64.
    #[error("what follows whsec_ is not base64")]
    NotBase64,
    /// The prefix in other letters, which a receiver would not know.
    #[error("the prefix must be exactly `whsec_` (lower case)")]
    Prefix,
    /// Behind the prefix is not enough, or too much.
    #[error("what follows whsec_ must be 24 to 64 bytes in base64")]
    Length,
    /// A text that can be guessed, or is no key at all.
    #[error("it must have 16 to 1024 characters")]
    TextLength,
    /// A text that may be another one at the receiver.
    #[error("it {0}")]
    Flawed(Flaw),
}

impl SigningKey {
    /// Reads a key as it stands in a file or a variable. Behind `whsec_` it is plain what belongs to it; of any other text
    /// the receiver may have another spelling, and every signature would be wrong there.
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

    /// `whsec_` and base64, or a text that is the key as it stands.
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

    /// The header `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's own libraries are tested with.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_text_of_ones_own_is_the_key_as_it_stands() {
        let key = SigningKey::parse("correct horse battery").unwrap();
        let encoded = format!("whsec_{}", STANDARD.encode("correct horse battery staple"));
        let longer = SigningKey::parse(&encoded).unwrap();
        assert_eq!(&**longer.0, b"correct horse battery staple");
        assert_ne!(key.sign("a", 1, b"x"), longer.sign("a", 1, b"x"));
    }

    #[test]
    fn what_is_short_or_no_base64_is_refused() {
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
