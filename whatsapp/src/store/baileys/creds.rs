//! `creds.json`: the identity of the device. It must be complete, whereas key files may be missing.

use std::sync::Arc;

use openclaw_types::Phone;
use whatsapp_rust::wacore::libsignal::protocol::{
    IdentityKey, KeyPair, LegacySessionLocalContext, PrivateKey, PublicKey,
};
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::waproto::whatsapp::ADVSignedDeviceIdentity;
use whatsapp_rust::{Jid, Server};

use super::json::{self, Fault, Json};

/// The checked contents of `creds.json`. Has no `Debug`.
pub(super) struct Creds {
    device: Device,
    /// The account's number.
    pub(super) phone: Phone,
    /// `myAppStateKeyId`.
    pub(super) sync_key_id: Option<Vec<u8>>,
    /// The account's own JID by phone number.
    pub(super) pn: Jid,
    pub(super) lid: Option<Jid>,
    /// The first prekey id that was not uploaded yet.
    pub(super) first_unuploaded: u32,
}

/// Why `creds.json` has no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredsError {
    /// The QR code was never scanned.
    Unlinked,
    /// A pairing code was requested, but never entered on the phone.
    Unfinished,
    /// From another program: the keys that Baileys creates first are missing.
    Foreign,
    /// Not what Baileys wrote.
    Damaged(Fault),
}

impl From<Fault> for CredsError {
    fn from(fault: Fault) -> Self {
        Self::Damaged(fault)
    }
}

impl Creds {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, CredsError> {
        let json = Json::parse(bytes)?;
        if json.entries().is_none() {
            return Err(Fault::NotJson.into());
        }
        if ["noiseKey", "signedIdentityKey"]
            .iter()
            .all(|key| json.get(key).is_none())
        {
            return Err(CredsError::Foreign);
        }
        let me = json.get("me").ok_or(CredsError::Unlinked)?;
        let pn = own_jid(me.text_at("id")?, Server::Pn).ok_or(Fault::Field("me.id"))?;
        // `registered` is false after pairing by QR code, so the phone's signature decides whether the device is
        // linked.
        let account = match json.get("account") {
            Some(account) if pn.device != 0 => account_identity(account)?,
            _ => return Err(CredsError::Unfinished),
        };
        let phone = Phone::of_digits(&pn.user).ok_or(Fault::Field("me.id"))?;
        let lid = me.get("lid").and_then(Json::text).map(|lid| {
            let mut lid = own_jid(lid, Server::Lid).ok_or(Fault::Field("me.lid"))?;
            lid.device = pn.device;
            Ok::<_, Fault>(lid)
        });
        let lid = lid.transpose()?;
        let first_unuploaded = json.integer_at("firstUnuploadedPreKeyId").unwrap_or(1);
        let mut device = keys(&json)?;
        device.pn = Some(pn.clone());
        device.lid = lid.clone();
        device.account = Some(Arc::new(account));
        device.push_name = json_name(me);
        device.edge_routing_info = json.get("routingInfo").and_then(Json::bytes);
        device.next_pre_key_id = json.integer_at("nextPreKeyId").unwrap_or(1);
        Ok(Self {
            device,
            phone,
            sync_key_id: json
                .get("myAppStateKeyId")
                .and_then(Json::text)
                .and_then(json::base64),
            pn,
            lid,
            first_unuploaded,
        })
    }

    /// The library's device row. The highest prekey in the directory may be newer than `creds.json`, because they are
    /// not written together.
    pub(super) fn device(&self, highest_prekey: u32) -> Device {
        let mut device = self.device.clone();
        device.next_pre_key_id = device.next_pre_key_id.max(highest_prekey.saturating_add(1));
        device.first_unupload_pre_key_id = self.first_unuploaded.clamp(1, device.next_pre_key_id);
        device.server_has_prekeys = self.first_unuploaded > 1;
        // Zero restarts the rotation period: Baileys does not record the last rotation.
        device.last_signed_pre_key_rotation_ms = 0;
        device
    }

    /// The data about this device that a session file of Baileys lacks.
    pub(super) fn local(&self) -> LegacySessionLocalContext {
        LegacySessionLocalContext {
            identity_key: IdentityKey::new(self.device.identity_key.public_key),
            registration_id: self.device.registration_id,
        }
    }
}

fn json_name(me: &Json) -> String {
    let name = me.get("name").and_then(Json::text).unwrap_or_default();
    name.to_owned()
}

fn own_jid(text: &str, server: Server) -> Option<Jid> {
    let jid: Jid = text.parse().ok()?;
    let digits = !jid.user.is_empty() && jid.user.bytes().all(|byte| byte.is_ascii_digit());
    (digits && jid.server == server).then_some(jid)
}

fn account_identity(account: &Json) -> Result<ADVSignedDeviceIdentity, Fault> {
    let details = account.bytes_at("details")?;
    if details.is_empty() {
        return Err(Fault::Field("details"));
    }
    Ok(ADVSignedDeviceIdentity {
        details: Some(details),
        account_signature_key: Some(account.array_at::<32>("accountSignatureKey")?.to_vec()),
        account_signature: Some(account.array_at::<64>("accountSignature")?.to_vec()),
        device_signature: Some(account.array_at::<64>("deviceSignature")?.to_vec()),
    })
}

fn keys(json: &Json) -> Result<Device, Fault> {
    let signed = json.at("signedPreKey")?;
    let mut device = Device::new();
    device.noise_key = key_pair(json.at("noiseKey")?).ok_or(Fault::Field("noiseKey"))?;
    device.identity_key =
        key_pair(json.at("signedIdentityKey")?).ok_or(Fault::Field("signedIdentityKey"))?;
    device.signed_pre_key = key_pair(signed.at("keyPair")?).ok_or(Fault::Field("signedPreKey"))?;
    device.signed_pre_key_id = signed.integer_at("keyId")?;
    device.signed_pre_key_signature = signed.array_at("signature")?;
    device.registration_id = json.integer_at("registrationId")?;
    device.adv_secret_key = json.array_at("advSecretKey")?;
    Ok(device)
}

/// Parses `{private, public}`, if the keys match.
pub(super) fn key_pair(json: &Json) -> Option<KeyPair> {
    let private = PrivateKey::deserialize(&json.array_at::<32>("private").ok()?).ok()?;
    let public = public_key(&json.get("public")?.bytes()?)?;
    let derived = private.public_key().ok()?;
    (derived == public).then(|| KeyPair::new(public, private))
}

/// Parses a public key with or without libsignal's type byte.
pub(super) fn public_key(bytes: &[u8]) -> Option<PublicKey> {
    match bytes.len() {
        32 => PublicKey::from_djb_public_key_bytes(bytes).ok(),
        33 => PublicKey::deserialize(bytes).ok(),
        _ => None,
    }
}
