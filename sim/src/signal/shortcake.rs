//! The phone's side of linking with a passkey, after the assertion: WhatsApp's "shortcake". Pure, and implemented with
//! `ring`, so that the two sides do not share the client's code.
//!
//! ```text
//! companion                            phone (here)
//!   prologue {identity, commitment} ----->            commitment = SHA-256(identity | companion nonce)
//!                <----- {public key, nonce}  Phone::identity
//!   companion nonce ----------------------->  Phone::open_commitment -> the code that both show
//!   {iv, sealed pairing request} ---------->  Phone::open_request -> the companion's keys, the new ADV secret
//! ```
//!
//! code = Crockford(phone's nonce ^ SHA-256(companion nonce | phone's public key)), 5 bytes.
//! key = HKDF-SHA256(X25519, "Companion Pairing {device type} with ref {ref}", "Pairing Information Encryption Key").
//! handoff proof = HMAC-SHA256(HKDF-SHA256(an earlier ADV secret, none, "shortcake-passkey-handoff-v1"), prologue).

use buffa::{Enumeration as _, Message as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::hmac;
use ring::rand::SystemRandom;
use waproto::whatsapp as wa;

const KEY_INFO: &[u8] = b"Pairing Information Encryption Key";
const HANDOFF_INFO: &[u8] = b"shortcake-passkey-handoff-v1";
const ALPHABET: &[u8; 32] = b"123456789ABCDEFGHJKLMNPQRSTVWXYZ";

/// Errors of a companion after a valid assertion.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A part is missing or has a wrong length.
    #[error("the {0} is missing or malformed")]
    Malformed(&'static str),
    /// The identity has another ref than the server issued.
    #[error("the companion's identity names the ref {found:?}, expected {expected:?}")]
    Reference {
        /// The issued ref.
        expected: String,
        /// The ref in the identity.
        found: String,
    },
    /// The nonce does not match the commitment.
    #[error("the nonce does not open the commitment, expected SHA-256(identity | nonce)")]
    Commitment,
    /// The request cannot be decrypted with the agreed key.
    #[error("the pairing request does not open under the agreed key")]
    Sealed,
    /// The request has other keys than the socket registered.
    #[error("the pairing request names another {0} than the socket registered")]
    Foreign(&'static str),
}

/// The companion's fields in the prologue.
pub struct Prologue {
    /// The encoded payload, which a handoff proof signs.
    payload: Vec<u8>,
    identity: Vec<u8>,
    commitment: [u8; 32],
    public_key: [u8; 32],
    device_type: i32,
    reference: String,
}

fn fixed<const N: usize>(bytes: Option<Vec<u8>>, name: &'static str) -> Result<[u8; N], Error> {
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(Error::Malformed(name))
}

impl Prologue {
    /// Parses a `<prologue_payload>`, which has to contain the issued ref.
    ///
    /// # Errors
    /// It is malformed, or has another ref.
    pub fn read(payload: &[u8], reference: &str) -> Result<Self, Error> {
        let read = wa::ProloguePayload::decode_from_slice(payload)
            .map_err(|_| Error::Malformed("prologue"))?;
        let identity = read
            .companion_ephemeral_identity
            .ok_or(Error::Malformed("companion's identity"))?;
        let commitment = read.commitment.into_option().and_then(|it| it.hash);
        let described = wa::CompanionEphemeralIdentity::decode_from_slice(&identity)
            .map_err(|_| Error::Malformed("companion's identity"))?;
        let found = described.r#ref.unwrap_or_default();
        if found != reference {
            let expected = reference.to_owned();
            return Err(Error::Reference { expected, found });
        }
        Ok(Self {
            payload: payload.to_vec(),
            commitment: fixed(commitment, "commitment")?,
            public_key: fixed(described.public_key, "companion's ephemeral key")?,
            device_type: described
                .device_type
                .ok_or(Error::Malformed("device type"))?
                .to_i32(),
            reference: found,
            identity,
        })
    }

    /// Whether this proof was made with that ADV secret.
    pub fn is_proven_by(&self, proof: &[u8], adv_secret: &[u8; 32]) -> bool {
        let mut key = [0; 32];
        let derived = Salt::new(HKDF_SHA256, &[])
            .extract(adv_secret)
            .expand(&[HANDOFF_INFO], HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        derived.is_ok() && hmac::verify(&key, &self.payload, proof).is_ok()
    }
}

/// The keys that the companion sends at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Handed {
    /// Its Noise key.
    pub noise: [u8; 32],
    /// Its Signal identity.
    pub identity: [u8; 32],
}

/// The state of the phone between the prologue and the pairing request.
pub struct Phone {
    prologue: Prologue,
    private: Option<EphemeralPrivateKey>,
    public: [u8; 32],
    nonce: [u8; 32],
}

impl Phone {
    /// Generates new keys. `None`: the system has no random numbers.
    pub fn answering(prologue: Prologue) -> Option<Self> {
        let private = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).ok()?;
        let public = private.compute_public_key().ok()?;
        Some(Self {
            prologue,
            private: Some(private),
            public: public.as_ref().try_into().ok()?,
            nonce: rand::random(),
        })
    }

    /// `<primary_ephemeral_identity>`.
    pub fn identity(&self) -> Vec<u8> {
        wa::PrimaryEphemeralIdentity {
            public_key: Some(self.public.to_vec()),
            nonce: Some(self.nonce.to_vec()),
        }
        .encode_to_vec()
    }

    /// Takes the companion's nonce, and returns the code that the phone shows from now on, without a dash.
    ///
    /// # Errors
    /// The nonce does not match the companion's commitment.
    pub fn open_commitment(&self, nonce: &[u8]) -> Result<String, Error> {
        let nonce: [u8; 32] = fixed(Some(nonce.to_vec()), "companion's nonce")?;
        let committed = digest(
            &SHA256,
            &[self.prologue.identity.as_slice(), &nonce].concat(),
        );
        if committed.as_ref() != self.prologue.commitment {
            return Err(Error::Commitment);
        }
        let mask = digest(&SHA256, &[nonce, self.public].concat());
        let pairs = self.nonce.iter().zip(mask.as_ref()).take(5);
        let bits = pairs.fold(0_u64, |bits, (own, mask)| bits << 8 | u64::from(own ^ mask));
        let letter = |place: u32| {
            let index = usize::try_from(bits >> (35 - 5 * place) & 31).unwrap_or(0);
            char::from(ALPHABET[index])
        };
        Ok((0..8).map(letter).collect())
    }

    /// Decrypts `<encrypted_pairing_request>`: returns the companion's keys, and the new ADV secret.
    ///
    /// # Errors
    /// It cannot be decrypted, or is incomplete. A second request always fails.
    pub fn open_request(&mut self, request: &[u8]) -> Result<(Handed, [u8; 32]), Error> {
        let request = wa::EncryptedPairingRequest::decode_from_slice(request)
            .map_err(|_| Error::Malformed("pairing request"))?;
        let iv: [u8; 12] = fixed(request.iv, "pairing request's iv")?;
        let mut sealed = request
            .encrypted_payload
            .ok_or(Error::Malformed("pairing request"))?;
        let key = self.key()?;
        let nonce = Nonce::assume_unique_for_key(iv);
        let opened = key
            .open_in_place(nonce, Aad::empty(), &mut sealed)
            .map_err(|_| Error::Sealed)?;
        let opened = wa::PairingRequest::decode_from_slice(opened)
            .map_err(|_| Error::Malformed("pairing request"))?;
        let handed = Handed {
            noise: fixed(opened.companion_public_key, "companion's Noise key")?,
            identity: fixed(opened.companion_identity_key, "companion's identity key")?,
        };
        Ok((handed, fixed(opened.adv_secret, "ADV secret")?))
    }

    fn key(&mut self) -> Result<LessSafeKey, Error> {
        let private = self.private.take().ok_or(Error::Sealed)?;
        let peer = UnparsedPublicKey::new(&X25519, self.prologue.public_key);
        let salt = format!(
            "Companion Pairing {} with ref {}",
            self.prologue.device_type, self.prologue.reference
        );
        let mut key = [0; 32];
        let derived = agree_ephemeral(private, &peer, |shared| {
            Salt::new(HKDF_SHA256, salt.as_bytes())
                .extract(shared)
                .expand(&[KEY_INFO], HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut key))
        });
        if !derived.is_ok_and(|filled| filled.is_ok()) {
            return Err(Error::Malformed("companion's ephemeral key"));
        }
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| Error::Sealed)?;
        Ok(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use wacore::shortcake::ShortcakeUtils;

    use super::*;

    const REF: &str = "2@a ref";
    const SECRET: [u8; 32] = [9; 32];

    /// The library's side, up to the prologue.
    fn companion() -> (wacore_libsignal::protocol::KeyPair, [u8; 32], Vec<u8>) {
        let pair = ShortcakeUtils::generate_companion_ephemeral_keypair();
        let nonce = ShortcakeUtils::generate_companion_nonce();
        let public = pair.public_key.public_key_bytes().try_into();
        let kind = wa::device_props::PlatformType::CHROME;
        let identity = ShortcakeUtils::build_companion_ephemeral_identity(
            &public.expect("32 bytes"),
            kind,
            REF,
        );
        let commitment = ShortcakeUtils::commitment_hash(&identity, &nonce);
        let payload = ShortcakeUtils::build_prologue_payload(&identity, &commitment);
        (pair, nonce, payload)
    }

    #[test]
    fn the_librarys_side_and_this_one_agree() {
        let (pair, nonce, payload) = companion();
        let prologue = Prologue::read(&payload, REF).expect("a prologue");
        let mut phone = Phone::answering(prologue).expect("randomness");
        let primary = ShortcakeUtils::parse_primary_ephemeral_identity(&phone.identity());
        let primary = primary.expect("an identity");
        let shown = phone.open_commitment(&nonce).expect("opens");
        let (key, own) = (primary.public_key, primary.nonce);
        let expected = ShortcakeUtils::derive_verification_code(&nonce, &key, &own);
        assert_eq!(shown, expected);
        assert_eq!(phone.open_commitment(&[1; 32]), Err(Error::Commitment));

        let kind = wa::device_props::PlatformType::CHROME;
        let key = ShortcakeUtils::derive_encryption_key(&pair, &key, kind, REF).expect("a key");
        let request = ShortcakeUtils::build_pairing_request(&[1; 32], &[2; 32], &SECRET);
        let sealed = ShortcakeUtils::encrypt_pairing_request(&request, &key).expect("sealed");
        let sealed = ShortcakeUtils::build_encrypted_pairing_request(&sealed);
        let handed = Handed {
            noise: [1; 32],
            identity: [2; 32],
        };
        assert_eq!(phone.open_request(&sealed), Ok((handed, SECRET)));
        assert_eq!(phone.open_request(&sealed), Err(Error::Sealed), "once");
    }

    #[test]
    fn a_handoff_proof_is_made_with_an_earlier_secret() {
        let (_, _, payload) = companion();
        let prologue = Prologue::read(&payload, REF).expect("a prologue");
        let key = ShortcakeUtils::derive_pairing_handoff_hmac_key(&SECRET).expect("a key");
        let proof = ShortcakeUtils::compute_pairing_handoff_proof(&key, &payload);
        assert!(prologue.is_proven_by(&proof, &SECRET));
        assert!(!prologue.is_proven_by(&proof, &[8; 32]));
        assert!(!prologue.is_proven_by(&[0; 32], &SECRET));
    }

    #[test]
    fn a_prologue_contains_the_issued_ref() {
        let (_, _, payload) = companion();
        let other = Prologue::read(&payload, "2@another").err();
        assert!(matches!(other, Some(Error::Reference { .. })), "{other:?}");
        let broken = Prologue::read(b"\xff", REF).err();
        assert_eq!(broken, Some(Error::Malformed("prologue")));
    }
}
