//! The phone's signatures at pairing, and its checks of the companion's response: WhatsApp's "advanced device
//! verification" (ADV). Pure; the phone's identity is a [`Party`]'s.
//!
//! There are three independent prefixes, as in WhatsApp Web (whatsapp-rust#1440): the HMAC of `pair-success` begins
//! with `06 05` if the account is hosted (a business account, which its provider can read as well); the account's
//! signature begins with `06 05` if the signed device is hosted; a companion's signature always begins with `06 01`,
//! and that of a provider's device with `06 06`.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buffa::Message as _;
use wacore_libsignal::crypto::hmac_sha256;
use wacore_libsignal::protocol::PublicKey;
use waproto::codec;
use waproto::whatsapp as wa;
use waproto::whatsapp::ADVEncryptionType::{self, E2EE, HOSTED};

use crate::signal::party::{Party, sign};

/// The prefix of a QR code that makes a phone's camera app open WhatsApp.
pub const LINK_PREFIX: &str = "https://wa.me/settings/linked_devices#";

/// Signed by the account: `06 00 | details | companion identity`.
const ACCOUNT_SIGNATURE: &[u8] = &[6, 0];
/// Signed by the companion: `06 01 | details | companion identity | account identity`.
const DEVICE_SIGNATURE: &[u8] = &[6, 1];
/// Signed by the account, and the start of the HMAC input: `06 05`, for hosted ones.
const HOSTED_ACCOUNT_SIGNATURE: &[u8] = &[6, 5];
/// Signed by a provider's device: `06 06 | details | its identity | account identity`.
const HOSTED_DEVICE_SIGNATURE: &[u8] = &[6, 6];
/// Signed by the account: `06 02 | key index list`. No known client checks this one.
const KEY_INDEX_LIST_SIGNATURE: &[u8] = &[6, 2];

/// How an account signs a device of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// An ordinary account and its companions.
    #[default]
    Ordinary,
    /// A hosted account, and a companion that is not hosted: what WhatsApp signs.
    Hosted,
    /// The same, as read by clients that confuse the account's type with the device's (whatsapp-rust before #1440).
    /// WhatsApp never signs like this.
    HostedByAccount,
    /// The provider's own device.
    Provider,
}

impl Signing {
    const fn is_hosted_account(self) -> bool {
        !matches!(self, Self::Ordinary)
    }

    const fn is_hosted_device(self) -> bool {
        matches!(self, Self::HostedByAccount | Self::Provider)
    }

    const fn by_account(self) -> &'static [u8] {
        match self.is_hosted_device() {
            true => HOSTED_ACCOUNT_SIGNATURE,
            false => ACCOUNT_SIGNATURE,
        }
    }

    const fn by_device(self) -> &'static [u8] {
        match self.is_hosted_device() {
            true => HOSTED_DEVICE_SIGNATURE,
            false => DEVICE_SIGNATURE,
        }
    }

    /// The types of the account and of the device.
    const fn types(self) -> (ADVEncryptionType, ADVEncryptionType) {
        let account = if self.is_hosted_account() {
            HOSTED
        } else {
            E2EE
        };
        let device = if self.is_hosted_device() {
            HOSTED
        } else {
            E2EE
        };
        (account, device)
    }
}

/// Why a QR code or a companion's signatures are invalid.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not `ref,noise,identity,adv secret[,client type]`.
    #[error("a QR code has 4 or 5 fields, this text has {0}")]
    Fields(usize),
    /// The named field is empty, or not 32 bytes of base64.
    #[error("the QR code's {0} is malformed")]
    Field(&'static str),
    /// `<device-identity>` is not an `ADVSignedDeviceIdentity`, or lacks the named field.
    #[error("the signed device identity has no valid {0}")]
    Malformed(&'static str),
    /// The identity belongs to another account than the one that signed at pairing.
    #[error("the signed device identity names another account")]
    ForeignAccount,
    /// The key index is not the one that the phone assigned.
    #[error("key index {got} instead of {expected}")]
    KeyIndex {
        /// The index that the phone signed.
        expected: u32,
        /// The index in the response.
        got: u32,
    },
    /// The account's signature does not cover these details and this companion.
    #[error("the account signature does not verify")]
    AccountSignature,
    /// The companion's signature does not cover the required fields.
    #[error("the device signature does not verify")]
    DeviceSignature,
}

/// The content of a QR code. A credential (its holder can link the companion), so it has no `Debug`.
pub struct QrPayload {
    /// The server's `<ref>`, which is single-use.
    pub reference: String,
    /// The companion's Noise static key.
    pub noise: [u8; 32],
    /// The companion's Signal identity.
    pub identity: [u8; 32],
    /// The key of the HMAC in [`device_identity`].
    pub adv_secret: [u8; 32],
    /// A letter or digit for browser or system; older clients leave it out.
    pub client_type: Option<String>,
}

impl FromStr for QrPayload {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let fields: Vec<&str> = text
            .strip_prefix(LINK_PREFIX)
            .unwrap_or(text)
            .split(',')
            .collect();
        let (reference, noise, identity, secret, client_type) = match fields[..] {
            [reference, noise, identity, secret] => (reference, noise, identity, secret, None),
            [reference, noise, identity, secret, client] => {
                (reference, noise, identity, secret, Some(client))
            }
            _ => return Err(Error::Fields(fields.len())),
        };
        if reference.is_empty() {
            return Err(Error::Field("reference"));
        }
        if client_type.is_some_and(|client| client.len() != 1 || !client.is_ascii()) {
            return Err(Error::Field("client type"));
        }
        Ok(Self {
            reference: reference.to_owned(),
            noise: key_field(noise, "noise key")?,
            identity: key_field(identity, "identity key")?,
            adv_secret: key_field(secret, "adv secret")?,
            client_type: client_type.map(str::to_owned),
        })
    }
}

fn key_field(text: &str, name: &'static str) -> Result<[u8; 32], Error> {
    STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Error::Field(name))
}

/// The `<device-identity>` of `pair-success`, an encoded `ADVSignedDeviceIdentityHMAC`:
/// `hmac = HMAC-SHA256(adv secret, signed)`, `signed = details, account key, XEdDSA(account, 06 00 | details | companion)`.
///
/// `key_index` counts the account's companions from 1, and is never reused. `timestamp` is in seconds.
pub fn device_identity(
    account: &Party,
    companion_identity: &[u8; 32],
    adv_secret: &[u8; 32],
    key_index: u32,
    timestamp: u64,
    signing: Signing,
) -> Vec<u8> {
    let details = details(account, key_index, timestamp, signing);
    let to_sign = [signing.by_account(), &details, companion_identity].concat();
    let signed = wa::ADVSignedDeviceIdentity {
        account_signature_key: Some(account.identity_public().to_vec()),
        account_signature: Some(sign(account.identity_key_pair(), &to_sign).to_vec()),
        device_signature: None,
        details: Some(details),
    };
    let signed = codec::adv_signed_device_identity_to_vec(&signed);
    let authenticated = match signing.is_hosted_account() {
        true => [HOSTED_ACCOUNT_SIGNATURE, &signed].concat(),
        false => signed.clone(),
    };
    wa::ADVSignedDeviceIdentityHMAC {
        hmac: Some(hmac_sha256(adv_secret, &authenticated).to_vec()),
        details: Some(signed),
        account_type: Some(signing.types().0),
    }
    .encode_to_vec()
}

/// The signed identity that a linked companion sends with its keys: an encoded `ADVSignedDeviceIdentity` with both
/// signatures. For companions whose private keys the simulator has.
pub fn signed_device_identity(
    account: &Party,
    companion: &Party,
    key_index: u32,
    timestamp: u64,
    signing: Signing,
) -> Vec<u8> {
    let (account_key, companion_key) = (account.identity_public(), companion.identity_public());
    let details = details(account, key_index, timestamp, signing);
    let by_account = [signing.by_account(), &details, &companion_key].concat();
    let by_companion = [signing.by_device(), &details, &companion_key, &account_key].concat();
    codec::adv_signed_device_identity_to_vec(&wa::ADVSignedDeviceIdentity {
        account_signature_key: Some(account_key.to_vec()),
        account_signature: Some(sign(account.identity_key_pair(), &by_account).to_vec()),
        device_signature: Some(sign(companion.identity_key_pair(), &by_companion).to_vec()),
        details: Some(details),
    })
}

/// `ADVDeviceIdentity`: the account, the key index and the types.
fn details(account: &Party, key_index: u32, timestamp: u64, signing: Signing) -> Vec<u8> {
    let (account_type, device_type) = signing.types();
    wa::ADVDeviceIdentity {
        raw_id: Some(raw_id(account)),
        timestamp: Some(timestamp),
        key_index: Some(key_index),
        account_type: Some(account_type),
        device_type: Some(device_type),
    }
    .encode_to_vec()
}

/// Verifies what a companion returns in `pair-device-sign` and later sends with every pkmsg: both signatures, the key
/// index, and that the account is this one or (as with Baileys) absent.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_device_sign(
    account_identity: &[u8; 32],
    companion_identity: &[u8; 32],
    signed_device_identity: &[u8],
    expected_key_index: u32,
    signing: Signing,
) -> Result<(), Error> {
    let wa::ADVSignedDeviceIdentity {
        details,
        account_signature_key,
        account_signature,
        device_signature,
    } = codec::adv_signed_device_identity_decode(signed_device_identity)
        .map_err(|_| Error::Malformed("encoding"))?;
    let details = details.ok_or(Error::Malformed("details"))?;
    let account_signature = account_signature.ok_or(Error::Malformed("account signature"))?;
    let device_signature = device_signature.ok_or(Error::Malformed("device signature"))?;
    if account_signature_key.is_some_and(|key| !key.is_empty() && key != account_identity) {
        return Err(Error::ForeignAccount);
    }
    let got = codec::adv_device_identity_decode(&details)
        .ok()
        .and_then(|details| details.key_index)
        .ok_or(Error::Malformed("key index"))?;
    if got != expected_key_index {
        return Err(Error::KeyIndex {
            expected: expected_key_index,
            got,
        });
    }
    let account_signed = [signing.by_account(), &details, companion_identity].concat();
    if !verifies(account_identity, &account_signed, &account_signature) {
        return Err(Error::AccountSignature);
    }
    let device_signed = [
        signing.by_device(),
        &details,
        companion_identity,
        account_identity,
    ]
    .concat();
    if !verifies(companion_identity, &device_signed, &device_signature) {
        return Err(Error::DeviceSignature);
    }
    Ok(())
}

fn verifies(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_djb_public_key_bytes(key)
        .is_ok_and(|key| key.verify_signature(message, signature))
}

/// The `<key-index-list>` of a usync device list, an encoded `ADVSignedKeyIndexList`: the key indexes of linked
/// devices. `current_index` is the highest index ever assigned: clients treat a device with a higher index as newer
/// than the list, and any other unlisted device as removed. `timestamp` is in seconds.
pub fn key_index_list(
    account: &Party,
    valid_indexes: &[u32],
    current_index: u32,
    timestamp: u64,
) -> Vec<u8> {
    let details = codec::adv_key_index_list_to_vec(&wa::ADVKeyIndexList {
        raw_id: Some(raw_id(account)),
        timestamp: Some(timestamp),
        current_index: Some(current_index),
        valid_indexes: valid_indexes.to_vec(),
        account_type: Some(E2EE),
    });
    let to_sign = [KEY_INDEX_LIST_SIGNATURE, &details].concat();
    codec::adv_signed_key_index_list_to_vec(&wa::ADVSignedKeyIndexList {
        account_signature: Some(sign(account.identity_key_pair(), &to_sign).to_vec()),
        account_signature_key: Some(account.identity_public().to_vec()),
        details: Some(details),
    })
}

/// The account's number in its key index lists: arbitrary, but constant for the life of the identity.
fn raw_id(account: &Party) -> u32 {
    let [a, b, c, d, ..] = account.identity_public();
    u32::from_be_bytes([a, b, c, d]) >> 1
}

#[cfg(test)]
mod tests;
