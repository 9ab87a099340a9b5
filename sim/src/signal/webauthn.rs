//! WebAuthn, as far as linking needs it: the checks of a relying party (ES256), and a software authenticator that
//! makes valid assertions. Pure, and implemented with `ring` instead of the client's own crates, so that a bug on one
//! side does not hide in the other.
//!
//! signature = ECDSA-P256-SHA256(authenticatorData | SHA-256(clientDataJSON))
//! authenticatorData = SHA-256(rpId) (32) | flags (1) | signature counter (4)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The origin that a browser writes into the client data for WhatsApp Web.
pub const ORIGIN: &str = "https://web.whatsapp.com";
/// The relying party of WhatsApp's passkeys.
pub const RP_ID: &str = "whatsapp.com";

/// The flags for a user who is present and verified.
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;

/// An invalid assertion: what was found and what was expected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A part is missing or malformed.
    #[error("the assertion's {0} is missing or malformed")]
    Malformed(&'static str),
    /// Made with another credential.
    #[error("credential {found}, expected {expected}")]
    Credential {
        /// The account's credential.
        expected: String,
        /// The assertion's credential.
        found: String,
    },
    /// Made for another request, or for none.
    #[error("challenge {found}, expected {expected}")]
    Challenge {
        /// The challenge in the options.
        expected: String,
        /// The signed challenge.
        found: String,
    },
    /// Made on another site.
    #[error("origin {0}, expected https://web.whatsapp.com")]
    Origin(String),
    /// The type is not `webauthn.get`.
    #[error("client data of type {0}, expected webauthn.get")]
    Type(String),
    /// Made for another relying party.
    #[error("the hash of another relying party, expected whatsapp.com")]
    RelyingParty,
    /// The user was not present, or not verified.
    #[error("flags {0:#04x}, expected a user who is present and verified")]
    Flags(u8),
    /// The counter went back: the authenticator was cloned.
    #[error("signature counter {found}, expected more than {last}")]
    Counter {
        /// The counter of the previous assertion.
        last: u32,
        /// The counter of this assertion.
        found: u32,
    },
    /// The signature is not by the credential's key.
    #[error("the signature does not verify")]
    Signature,
}

/// The public part of an account's passkey, as registered with WhatsApp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The credential id, chosen by the authenticator.
    pub id: Vec<u8>,
    /// A P-256 point, uncompressed: 65 bytes.
    pub public_key: Vec<u8>,
}

/// The options of a request, in the form of `navigator.credentials.get`.
pub fn request_options(challenge: &[u8], timeout_ms: u128) -> String {
    json!({
        "challenge": URL_SAFE_NO_PAD.encode(challenge),
        "timeout": u64::try_from(timeout_ms).unwrap_or(u64::MAX),
        "rpId": RP_ID,
        "allowCredentials": [],
        "userVerification": "required",
        // Observed, 2026-07 (WhiskeySockets/Baileys#2689); browsers ignore it.
        "extensions": { "uvm": true },
    })
    .to_string()
}

#[derive(Deserialize)]
struct Assertion {
    #[serde(rename = "rawId")]
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "authenticatorData")]
    authenticator_data: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

/// Verifies an assertion in WhatsApp Web's JSON. `last_counter` is the counter of the previous assertion. Returns the
/// counter of this one.
///
/// # Errors
/// The first check that fails.
pub fn verify(
    assertion: &[u8],
    credential: &Credential,
    challenge: &[u8],
    last_counter: u32,
) -> Result<u32, Error> {
    let assertion: Assertion =
        serde_json::from_slice(assertion).map_err(|_| Error::Malformed("JSON"))?;
    if assertion.kind != "public-key" {
        return Err(Error::Malformed("type"));
    }
    let raw_id = decoded(&assertion.raw_id, "rawId")?;
    if raw_id != credential.id {
        return Err(Error::Credential {
            expected: URL_SAFE_NO_PAD.encode(&credential.id),
            found: assertion.raw_id,
        });
    }
    let client_data = decoded(&assertion.response.client_data, "clientDataJSON")?;
    check_client_data(&client_data, challenge)?;
    let data = decoded(&assertion.response.authenticator_data, "authenticatorData")?;
    let signature = decoded(&assertion.response.signature, "signature")?;
    let found = check_authenticator_data(&data)?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &credential.public_key);
    key.verify(&signed(&data, &client_data), &signature)
        .map_err(|_| Error::Signature)?;
    // Synchronised passkeys do not count: their counter is always 0.
    if (found > 0 || last_counter > 0) && found <= last_counter {
        let last = last_counter;
        return Err(Error::Counter { last, found });
    }
    Ok(found)
}

/// Checks the relying party and the flags. Returns the counter.
fn check_authenticator_data(data: &[u8]) -> Result<u32, Error> {
    let (hash, rest) = data
        .split_first_chunk::<32>()
        .ok_or(Error::Malformed("authenticatorData"))?;
    let (&flags, rest) = rest
        .split_first()
        .ok_or(Error::Malformed("authenticatorData"))?;
    let counter = rest
        .first_chunk::<4>()
        .ok_or(Error::Malformed("authenticatorData"))?;
    if hash != sha256(RP_ID.as_bytes()).as_slice() {
        return Err(Error::RelyingParty);
    }
    let both = USER_PRESENT | USER_VERIFIED;
    if flags & both != both {
        return Err(Error::Flags(flags));
    }
    Ok(u32::from_be_bytes(*counter))
}

fn check_client_data(client_data: &[u8], challenge: &[u8]) -> Result<(), Error> {
    let client_data: ClientData =
        serde_json::from_slice(client_data).map_err(|_| Error::Malformed("clientDataJSON"))?;
    let expected = URL_SAFE_NO_PAD.encode(challenge);
    if client_data.kind != "webauthn.get" {
        return Err(Error::Type(client_data.kind));
    }
    if client_data.challenge != expected {
        let found = client_data.challenge;
        return Err(Error::Challenge { expected, found });
    }
    if client_data.origin != ORIGIN || client_data.cross_origin {
        return Err(Error::Origin(client_data.origin));
    }
    Ok(())
}

fn decoded(text: &str, name: &'static str) -> Result<Vec<u8>, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    bytes.map_err(|_| Error::Malformed(name))
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

fn signed(authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [authenticator_data, &sha256(client_data)].concat()
}

/// The parts of an assertion to forge. None by default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forgery {
    /// Another origin.
    pub origin: Option<String>,
    /// Another challenge, as text in the client data.
    pub challenge: Option<String>,
    /// Another relying party.
    pub rp_id: Option<String>,
    /// Other flags.
    pub flags: Option<u8>,
    /// The counter; default 0.
    pub counter: Option<u32>,
    /// Another type than `webauthn.get`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Signed with an unregistered key.
    pub foreign_key: bool,
}

/// A software authenticator with one passkey. It holds a secret, and so has no `Debug`.
pub struct Authenticator {
    pkcs8: Vec<u8>,
    credential: Credential,
}

impl Authenticator {
    /// Generates a passkey. `None`: the system has no random numbers.
    pub fn new() -> Option<Self> {
        let rng = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).ok()?;
        let key = key_pair(pkcs8.as_ref())?;
        let id: [u8; 16] = rand::random();
        Some(Self {
            pkcs8: pkcs8.as_ref().to_vec(),
            credential: Credential {
                id: id.to_vec(),
                public_key: key.public_key().as_ref().to_vec(),
            },
        })
    }

    /// The public part, to register with WhatsApp.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Returns an assertion for a request, in WhatsApp Web's JSON.
    ///
    /// # Errors
    /// The options have no challenge.
    pub fn assert(&self, options: &Value, forgery: &Forgery) -> Result<Value, Error> {
        let challenge = options["challenge"].as_str();
        let challenge = challenge.ok_or(Error::Malformed("challenge"))?;
        let rp_id = options["rpId"].as_str().unwrap_or(RP_ID);
        let rp_id = forgery.rp_id.as_deref().unwrap_or(rp_id);
        let client_data = ClientData {
            kind: forgery.kind.as_deref().unwrap_or("webauthn.get").to_owned(),
            challenge: forgery.challenge.as_deref().unwrap_or(challenge).to_owned(),
            origin: forgery.origin.as_deref().unwrap_or(ORIGIN).to_owned(),
            cross_origin: false,
        };
        let client_data =
            serde_json::to_vec(&client_data).map_err(|_| Error::Malformed("client data"))?;
        let mut data = sha256(rp_id.as_bytes());
        data.push(forgery.flags.unwrap_or(USER_PRESENT | USER_VERIFIED));
        data.extend(forgery.counter.unwrap_or(0).to_be_bytes());
        let foreign = match forgery.foreign_key {
            true => Some(Self::new().ok_or(Error::Signature)?),
            false => None,
        };
        let signer = foreign.as_ref().unwrap_or(self);
        let key = key_pair(&signer.pkcs8).ok_or(Error::Signature)?;
        let signature = key
            .sign(&SystemRandom::new(), &signed(&data, &client_data))
            .map_err(|_| Error::Signature)?;
        let id = URL_SAFE_NO_PAD.encode(&self.credential.id);
        Ok(json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature),
                "userHandle": null,
            },
        }))
    }
}

fn key_pair(pkcs8: &[u8]) -> Option<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &SystemRandom::new()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &[u8] = b"a challenge of the server's";

    fn asserted(forgery: &Forgery, challenge: &[u8]) -> Result<u32, Error> {
        let authenticator = Authenticator::new().expect("randomness");
        let options = request_options(challenge, 600_000);
        let options: Value = serde_json::from_str(&options).expect("JSON");
        let assertion = authenticator.assert(&options, forgery).expect("made");
        let assertion = assertion.to_string();
        verify(
            assertion.as_bytes(),
            authenticator.credential(),
            CHALLENGE,
            4,
        )
    }

    #[test]
    fn a_valid_assertion_verifies_and_increments_the_counter() {
        let forgery = Forgery {
            counter: Some(5),
            ..Forgery::default()
        };
        assert_eq!(asserted(&forgery, CHALLENGE), Ok(5));
    }

    #[test]
    fn every_part_of_an_assertion_is_checked() {
        let with = |change: fn(&mut Forgery)| {
            let mut forgery = Forgery {
                counter: Some(5),
                ..Forgery::default()
            };
            change(&mut forgery);
            asserted(&forgery, CHALLENGE).expect_err("refused")
        };
        let origin = with(|it| it.origin = Some("https://example.org".into()));
        assert_eq!(origin, Error::Origin("https://example.org".into()));
        let kind = with(|it| it.kind = Some("webauthn.create".into()));
        assert_eq!(kind, Error::Type("webauthn.create".into()));
        let party = with(|it| it.rp_id = Some("example.org".into()));
        assert_eq!(party, Error::RelyingParty);
        assert_eq!(with(|it| it.flags = Some(1)), Error::Flags(1));
        assert_eq!(with(|it| it.foreign_key = true), Error::Signature);
        let counter = with(|it| it.counter = Some(4));
        assert_eq!(counter, Error::Counter { last: 4, found: 4 });
        let other = asserted(&Forgery::default(), b"another challenge");
        assert!(matches!(other, Err(Error::Challenge { .. })), "{other:?}");
    }

    #[test]
    fn another_credential_and_a_broken_assertion_are_refused() {
        let one = Authenticator::new().expect("randomness");
        let other = Authenticator::new().expect("randomness");
        let options: Value = serde_json::from_str(&request_options(CHALLENGE, 1)).expect("JSON");
        let assertion = one.assert(&options, &Forgery::default()).expect("made");
        let text = assertion.to_string();
        let foreign = verify(text.as_bytes(), other.credential(), CHALLENGE, 0);
        assert!(matches!(foreign, Err(Error::Credential { .. })));
        let broken = verify(b"{}", one.credential(), CHALLENGE, 0);
        assert_eq!(broken, Err(Error::Malformed("JSON")));
    }
}
