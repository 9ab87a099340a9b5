//! The small files: each has a single value, which is converted to the form that the library stores.

use whatsapp_rust::Jid;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::libsignal::store::record_helpers::encode_pre_key_record_to;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, TcTokenEntry};
use whatsapp_rust::waproto::codec::app_state_sync_key_fingerprint_to_vec;
use whatsapp_rust::waproto::whatsapp::message::AppStateSyncKeyFingerprint;

use super::creds::{key_pair, public_key};
use super::json::{self, Fault, Json};

/// The maximum number of digits in a phone number or a LID.
const MAX_USER_DIGITS: usize = 20;

pub(super) fn pre_key(id: u32, bytes: &[u8]) -> Result<Bytes, Fault> {
    let pair = key_pair(&Json::parse(bytes)?).ok_or(Fault::Field("private"))?;
    let mut record = Vec::new();
    encode_pre_key_record_to(id, &pair, &mut record);
    Ok(Bytes::from(record))
}

pub(super) fn identity(bytes: &[u8]) -> Result<[u8; 32], Fault> {
    let key = Json::parse(bytes)?.bytes();
    let key = key.and_then(|key| public_key(&key));
    let key = key.ok_or(Fault::Field("identity key"))?;
    key.public_key_bytes()
        .try_into()
        .map_err(|_| Fault::Field("identity key"))
}

/// The devices that have our sender key: a map of devices to `true`.
pub(super) fn sender_key_memory(bytes: &[u8]) -> Result<Vec<Jid>, Fault> {
    let json = Json::parse(bytes)?;
    let entries = json.entries().ok_or(Fault::NotJson)?;
    let jids = entries.iter().map(|(jid, _)| jid.parse().ok());
    jids.collect::<Option<_>>().ok_or(Fault::Field("device"))
}

pub(super) fn sync_key(bytes: &[u8]) -> Result<AppStateSyncKey, Fault> {
    let json = Json::parse(bytes)?;
    let key_data = json.bytes_at("keyData")?;
    if key_data.is_empty() {
        return Err(Fault::Field("keyData"));
    }
    let print = json.at("fingerprint")?;
    let fingerprint = AppStateSyncKeyFingerprint {
        raw_id: print.integer_at("rawId").ok(),
        current_index: print.integer_at("currentIndex").ok(),
        device_indexes: device_indexes(print)?,
    };
    Ok(AppStateSyncKey {
        key_data,
        fingerprint: app_state_sync_key_fingerprint_to_vec(&fingerprint),
        timestamp: json.integer_at("timestamp").unwrap_or(0),
    })
}

fn device_indexes(fingerprint: &Json) -> Result<Vec<u32>, Fault> {
    let fault = Fault::Field("deviceIndexes");
    match fingerprint.get("deviceIndexes") {
        None => Ok(Vec::new()),
        Some(Json::Bytes(small)) => Ok(small.iter().copied().map(u32::from).collect()),
        Some(list) => {
            let items = list.items().ok_or(fault)?.iter();
            let index = |item: &Json| u32::try_from(item.integer()?).ok();
            items.map(index).collect::<Option<_>>().ok_or(fault)
        }
    }
}

/// The synced version of a collection, and its contents.
pub(super) fn sync_version(bytes: &[u8]) -> Result<(HashState, Vec<AppStateMutationMAC>), Fault> {
    let json = Json::parse(bytes)?;
    let state = HashState {
        version: json.integer_at("version")?,
        hash: json.array_at("hash")?,
        ..HashState::default()
    };
    let mut macs = Vec::new();
    let map = json.get("indexValueMap").and_then(Json::entries);
    for (index, value) in map.unwrap_or(&[]) {
        macs.push(AppStateMutationMAC {
            index_mac: json::base64(index).ok_or(Fault::Field("indexValueMap"))?,
            value_mac: value.bytes_at("valueMac")?,
        });
    }
    Ok((state, macs))
}

/// The other side of a mapping: digits.
pub(super) fn mapped_user(bytes: &[u8]) -> Result<String, Fault> {
    let json = Json::parse(bytes)?;
    let user = json.text().filter(|user| {
        (1..=MAX_USER_DIGITS).contains(&user.len())
            && user.bytes().all(|byte| byte.is_ascii_digit())
    });
    user.map(str::to_owned).ok_or(Fault::Field("user"))
}

/// The token may have expired, so that only the time when we last sent ours is left.
pub(super) fn tc_token(bytes: &[u8]) -> Result<TcTokenEntry, Fault> {
    let json = Json::parse(bytes)?;
    let token = json.get("token").and_then(Json::bytes).unwrap_or_default();
    let sender_timestamp = json.integer_at("senderTimestamp").ok();
    let received: Option<i64> = json.integer_at("timestamp").ok();
    let token_timestamp = received.or(sender_timestamp);
    if token.is_empty() && sender_timestamp.is_none() {
        return Err(Fault::Field("token"));
    }
    Ok(TcTokenEntry {
        token,
        token_timestamp: token_timestamp.ok_or(Fault::Field("timestamp"))?,
        sender_timestamp,
    })
}
