//! The signatures of a link: WhatsApp's "advanced device verification" (ADV). Pure.
//!
//! ```text
//! hmac              = HMAC-SHA256(ADV secret, [06 05 |] signed)     06 05 if the account is hosted
//! signed            = details, account key, account signature
//! account signature = XEdDSA(account, 06 00 | details | own key)    06 05 instead, if the device is hosted
//! own signature     = XEdDSA(own, 06 01 | details | own key | account key)
//! ```
//!
//! A hosted account is a business account that its provider can read as well. The three prefixes are independent, as in
//! WhatsApp Web: the first follows the account's type in the container, the second the device's type in the signed
//! details, and the third is constant. The library's `wacore::pair` derives all three from the first, and so refuses a
//! hosted account (whatsapp-rust#1440, fixed after 0.7.0).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use whatsapp_rust::wacore::libsignal::protocol::{KeyPair, PublicKey};
use whatsapp_rust::waproto::codec;
use whatsapp_rust::waproto::whatsapp::{ADVEncryptionType, ADVSignedDeviceIdentity};

const ACCOUNT_SIGNATURE: &[u8] = &[6, 0];
const OWN_SIGNATURE: &[u8] = &[6, 1];
const HOSTED: &[u8] = &[6, 5];

/// This device's identity, with both signatures.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) identity: ADVSignedDeviceIdentity,
    pub(super) key_index: u32,
}

/// Why the identity is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    /// A part is missing or cannot be decoded.
    #[error("the device identity has no valid {0}")]
    Malformed(&'static str),
    /// Not made with the secret of this link.
    #[error("the device identity was made for another device")]
    Hmac,
    /// The account's key is not a key.
    #[error("the account's key is not a key")]
    AccountKey,
    /// Not signed by the account.
    #[error("the account's signature does not verify")]
    AccountSignature,
    /// This device could not sign.
    #[error("this device cannot sign")]
    OwnSignature,
}

impl Invalid {
    /// The code and the text for WhatsApp, as WhatsApp Web sends them.
    pub(super) const fn reported(self) -> (u16, &'static str) {
        match self {
            Self::Malformed(_) | Self::OwnSignature => (500, "internal-error"),
            Self::Hmac => (401, "hmac-mismatch"),
            Self::AccountKey => (401, "invalid-key"),
            Self::AccountSignature => (401, "signature-mismatch"),
        }
    }
}

/// Verifies the `<device-identity>` of `pair-success`, and signs it.
pub(super) fn sign(container: &[u8], secret: &[u8; 32], own: &KeyPair) -> Result<Signed, Invalid> {
    let signed = authenticated(container, secret)?;
    let mut identity = codec::adv_signed_device_identity_decode(&signed)
        .map_err(|_| Invalid::Malformed("encoding"))?;
    let signed_details = identity.details.as_deref();
    let signed_details = signed_details.ok_or(Invalid::Malformed("details"))?;
    let details = codec::adv_device_identity_decode(signed_details)
        .map_err(|_| Invalid::Malformed("details"))?;
    let key_index = details.key_index.ok_or(Invalid::Malformed("key index"))?;
    let account_key = identity.account_signature_key.as_deref();
    let account_key = account_key.unwrap_or_default();
    let account =
        PublicKey::from_djb_public_key_bytes(account_key).map_err(|_| Invalid::AccountKey)?;
    let prefix = match details.device_type {
        Some(ADVEncryptionType::HOSTED) => HOSTED,
        _ => ACCOUNT_SIGNATURE,
    };
    let own_key = own.public_key.public_key_bytes();
    let by_account = [prefix, signed_details, own_key];
    let signature = identity.account_signature.as_deref().unwrap_or_default();
    if !account.verify_signature_for_multipart_message(&by_account, signature) {
        return Err(Invalid::AccountSignature);
    }
    let by_own = [OWN_SIGNATURE, signed_details, own_key, account_key].concat();
    let signature = own
        .private_key
        .calculate_signature(&by_own, &mut rand::rng())
        .map_err(|_| Invalid::OwnSignature)?;
    identity.device_signature = Some(signature.to_vec());
    Ok(Signed {
        identity,
        key_index,
    })
}

/// The signed part, if its HMAC was made with `secret`.
fn authenticated(container: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, Invalid> {
    let container = codec::adv_signed_device_identity_hmac_decode(container)
        .map_err(|_| Invalid::Malformed("encoding"))?;
    let signed = container.details.ok_or(Invalid::Malformed("content"))?;
    let hmac = container.hmac.ok_or(Invalid::Malformed("HMAC"))?;
    let mut expected = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Invalid::OwnSignature)?;
    if container.account_type == Some(ADVEncryptionType::HOSTED) {
        expected.update(HOSTED);
    }
    expected.update(&signed);
    expected.verify_slice(&hmac).map_err(|_| Invalid::Hmac)?;
    Ok(signed)
}
