//! The phone's side of linking by an 8-character code (`link_code_companion_reg`). Pure: the caller handles stanzas.
//!
//! ```text
//! companion                      server                         phone (here)
//!   companion_hello {wrapped companion ephemeral} ------------>  the person types the code
//!                  <------------ {wrapped primary ephemeral,     Primary::hello
//!                                 primary identity} (primary_hello)
//!   companion_finish {key bundle, companion identity} -------->  Primary::finish -> adv secret
//!                  <------------ pair-success                    adv::device_identity
//! ```
//!
//! wrapped = salt (32) | iv (16) | AES-256-CTR(PBKDF2-SHA256(code, salt, 2^17), iv, ephemeral public key).
//! bundle = salt (32) | iv (12) | AES-256-GCM(HKDF(ephemeral DH, salt), iv, companion | primary | random).
//! adv secret = HKDF(ephemeral DH | identity DH | random, "adv_secret").
//!
//! The first step does not detect a wrong code: the bundle fails to decrypt later.

use std::str::FromStr;

use wacore::crypto::hkdf_sha256_into;
use wacore::pair_code::PairCodeUtils;
use wacore_libsignal::crypto::aes_256_gcm_decrypt;
use wacore_libsignal::protocol::{KeyPair, PrivateKey, PublicKey};

use crate::signal::party::Party;

const BUNDLE_KEY_INFO: &[u8] = b"link_code_pairing_key_bundle_encryption_key";
const ADV_SECRET_INFO: &[u8] = b"adv_secret";

/// Why a code does not link a companion.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not 8 characters of the alphabet `1-9 A-Z` without `I`, `O`, `U`.
    #[error("a link code is 8 characters out of 1-9 and A-Z without I, O and U")]
    Code,
    /// The named part has the wrong length, or is not a key.
    #[error("the companion's {0} is malformed")]
    Malformed(&'static str),
    /// The bundle cannot be decrypted: the code was mistyped, or the companion is malicious.
    #[error("the key bundle does not open: another code, or a broken companion")]
    Bundle,
    /// The bundle was decrypted, but contains another companion's or another phone's key.
    #[error("the key bundle names another {0}")]
    Foreign(&'static str),
}

/// A code as typed on the phone, normalised: upper case, no dash, no spaces. A credential, so it has no `Debug`.
pub struct Code(String);

impl FromStr for Code {
    type Err = Error;

    fn from_str(typed: &str) -> Result<Self, Error> {
        let code: String = typed
            .chars()
            .filter(|c| *c != '-' && !c.is_whitespace())
            .collect();
        if PairCodeUtils::validate_code(&code) {
            Ok(Self(code.to_ascii_uppercase()))
        } else {
            Err(Error::Code)
        }
    }
}

/// The state of the phone between `primary_hello` and `companion_finish`.
pub struct Primary {
    /// The X25519 result of both ephemeral keys.
    shared: [u8; 32],
    wrapped_ephemeral: [u8; 80],
}

impl Primary {
    /// Takes the code, and the `link_code_pairing_wrapped_companion_ephemeral_pub` of `companion_hello`.
    ///
    /// Runs PBKDF2 twice with 2^17 rounds, which takes tenths of a second: call it where blocking is allowed.
    ///
    /// # Errors
    /// The wrapped key has not 80 bytes.
    pub fn hello(code: &Code, wrapped_companion_ephemeral: &[u8]) -> Result<Self, Error> {
        let malformed = || Error::Malformed("wrapped ephemeral key");
        let companion =
            PairCodeUtils::decrypt_primary_ephemeral_pub(wrapped_companion_ephemeral, &code.0)
                .map_err(|_| malformed())?;
        let ephemeral = KeyPair::generate(&mut rand::rng());
        let shared = agree(&ephemeral.private_key, &companion).ok_or_else(malformed)?;
        let public = ephemeral
            .public_key
            .public_key_bytes()
            .try_into()
            .map_err(|_| malformed())?;
        Ok(Self {
            shared,
            wrapped_ephemeral: PairCodeUtils::encrypt_ephemeral_pub(&public, &code.0),
        })
    }

    /// `link_code_pairing_wrapped_primary_ephemeral_pub` for the companion, with its own salt.
    pub fn wrapped_ephemeral(&self) -> &[u8; 80] {
        &self.wrapped_ephemeral
    }

    /// Decrypts the `link_code_pairing_wrapped_key_bundle` of `companion_finish` and returns the ADV secret, with which
    /// `pair-success` can follow as after a scan. `companion_identity` is the stanza's `companion_identity_public`.
    ///
    /// # Errors
    /// [`Error::Bundle`] after a mistyped code; the others when the companion broke the protocol.
    pub fn finish(
        &self,
        account: &Party,
        companion_identity: &[u8; 32],
        wrapped_bundle: &[u8],
    ) -> Result<[u8; 32], Error> {
        let malformed = || Error::Malformed("key bundle");
        let (salt, rest) = wrapped_bundle
            .split_first_chunk::<32>()
            .ok_or_else(malformed)?;
        let (iv, sealed) = rest.split_first_chunk::<12>().ok_or_else(malformed)?;
        let key = derive(&self.shared, Some(salt), BUNDLE_KEY_INFO);
        let mut bundle = Vec::with_capacity(sealed.len());
        aes_256_gcm_decrypt(&key, iv, b"", sealed, &mut bundle).map_err(|_| Error::Bundle)?;

        let (companion, rest) = bundle.split_first_chunk::<32>().ok_or_else(malformed)?;
        let (primary, random) = rest.split_first_chunk::<32>().ok_or_else(malformed)?;
        let random: &[u8; 32] = random.try_into().map_err(|_| malformed())?;
        if companion != companion_identity {
            return Err(Error::Foreign("companion"));
        }
        if *primary != account.identity_public() {
            return Err(Error::Foreign("phone"));
        }
        let identities = agree(account.identity_key_pair().private_key(), companion)
            .ok_or(Error::Malformed("identity key"))?;
        Ok(derive(
            &[self.shared, identities, *random].concat(),
            None,
            ADV_SECRET_INFO,
        ))
    }
}

fn agree(own: &PrivateKey, other: &[u8; 32]) -> Option<[u8; 32]> {
    own.calculate_agreement(&PublicKey::from_djb_public_key_bytes(other).ok()?)
        .ok()
}

fn derive(secret: &[u8], salt: Option<&[u8]>, info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    hkdf_sha256_into(secret, salt, info, &mut out).expect("HKDF can output 32 bytes");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "ABCD1234";

    /// The companion's side, with the client library's code, up to its `companion_hello`.
    struct Companion {
        code: &'static str,
        identity: KeyPair,
        ephemeral: KeyPair,
    }

    impl Companion {
        fn new(code: &'static str) -> Self {
            let key = || KeyPair::generate(&mut rand::rng());
            Self {
                code,
                identity: key(),
                ephemeral: key(),
            }
        }

        fn identity_public(&self) -> [u8; 32] {
            self.identity
                .public_key
                .public_key_bytes()
                .try_into()
                .unwrap()
        }

        fn hello(&self) -> [u8; 80] {
            let public = self
                .ephemeral
                .public_key
                .public_key_bytes()
                .try_into()
                .unwrap();
            PairCodeUtils::encrypt_ephemeral_pub(&public, self.code)
        }

        /// Its key bundle, and the ADV secret with which it verifies `pair-success`.
        fn finish(&self, primary: &Primary, phone_identity: &[u8; 32]) -> (Vec<u8>, [u8; 32]) {
            let theirs = PairCodeUtils::decrypt_primary_ephemeral_pub(
                primary.wrapped_ephemeral(),
                self.code,
            )
            .unwrap();
            PairCodeUtils::prepare_key_bundle(
                &self.ephemeral,
                &theirs,
                phone_identity,
                &self.identity,
            )
            .unwrap()
        }
    }

    fn typed(code: &str) -> Code {
        code.parse()
            .unwrap_or_else(|error| panic!("{code}: {error}"))
    }

    #[test]
    fn both_sides_derive_the_same_adv_secret() {
        let (phone, companion) = (Party::new(), Companion::new(CODE));
        let primary = Primary::hello(&typed("abcd-1234"), &companion.hello()).unwrap();
        let (bundle, expected) = companion.finish(&primary, &phone.identity_public());
        let secret = primary
            .finish(&phone, &companion.identity_public(), &bundle)
            .unwrap();
        assert_eq!(secret, expected);
    }

    #[test]
    fn a_mistyped_code_is_detected_by_the_bundle() {
        let (phone, companion) = (Party::new(), Companion::new(CODE));
        let primary = Primary::hello(&typed("ABCD1235"), &companion.hello()).unwrap();
        let (bundle, _) = companion.finish(&primary, &phone.identity_public());
        let refused = primary
            .finish(&phone, &companion.identity_public(), &bundle)
            .unwrap_err();
        assert!(matches!(refused, Error::Bundle), "{refused}");
    }

    #[test]
    fn the_bundle_must_be_complete_and_contain_both_keys() {
        let (phone, companion) = (Party::new(), Companion::new(CODE));
        let primary = Primary::hello(&typed(CODE), &companion.hello()).unwrap();
        let (bundle, _) = companion.finish(&primary, &phone.identity_public());
        let finish = |identity: &[u8; 32], bundle: &[u8]| {
            primary.finish(&phone, identity, bundle).unwrap_err()
        };

        assert!(matches!(
            finish(&[1; 32], &bundle),
            Error::Foreign("companion")
        ));
        let (other, _) = companion.finish(&primary, &Party::new().identity_public());
        assert!(matches!(
            finish(&companion.identity_public(), &other),
            Error::Foreign("phone")
        ));
        let mut flipped = bundle.clone();
        flipped[60] ^= 1;
        assert!(matches!(
            finish(&companion.identity_public(), &flipped),
            Error::Bundle
        ));
        assert!(matches!(
            finish(&companion.identity_public(), &bundle[..40]),
            Error::Malformed("key bundle")
        ));
        assert!(Primary::hello(&typed(CODE), &[0; 79]).is_err());
    }

    #[test]
    fn code_is_eight_characters_of_its_alphabet() {
        assert_eq!(typed(" abcd-1234 ").0, CODE);
        for wrong in [
            "",
            "ABCD123",
            "ABCD12345",
            "ABCD123O",
            "ABCD123I",
            "ABCD123U",
            "ABCD1230",
            "ÄBCD123",
        ] {
            assert!(wrong.parse::<Code>().is_err(), "{wrong}");
        }
    }
}
