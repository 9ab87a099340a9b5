//! The rows of an uploaded file in the vault: its metadata, the token of the message that claims it, and its address at
//! WhatsApp.

use std::time::SystemTime;

use openclaw_types::{Media, MediaId, Token};
use openclaw_vault::{Batch, Key};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Hosted, Upload};
use crate::vault::{Tables, Vault, from_millis, to_millis};

const ROW: &[u8] = b"";
const CLAIM: &[u8] = b"claim";
const HOSTED: &[u8] = b"hosted";

/// The stored row. Fields may be added, never renamed: volumes hold it.
#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(rename = "m")]
    media: Media,
    #[serde(rename = "e")]
    encrypted_bytes: u64,
    /// Milliseconds since 1970.
    #[serde(rename = "c")]
    created_at: u64,
    #[serde(rename = "w", default, skip_serializing_if = "Vec::is_empty")]
    waveform: Vec<u8>,
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    thumbnail: Vec<u8>,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    sidecar: Vec<u8>,
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    animated: bool,
}

#[derive(Serialize, Deserialize)]
struct HostedRow {
    #[serde(rename = "u")]
    url: String,
    #[serde(rename = "p")]
    direct_path: String,
}

fn key<'a>(scope: &'static [u8], id: &'a str) -> Key<'a> {
    Key::new(Tables::UPLOADS, scope, id)
}

fn encoded(row: &impl Serialize, capacity: usize) -> Zeroizing<Vec<u8>> {
    // Large enough: a vector that grows leaves copies of the key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    ciborium::into_writer(row, &mut *bytes)
        .expect("a row can be encoded, and writing into memory cannot fail");
    bytes
}

pub(super) fn put(batch: &mut Batch, id: MediaId, upload: &Upload) {
    let Upload {
        media,
        encrypted_bytes,
        waveform,
        thumbnail,
        sidecar,
        animated,
        created_at,
    } = upload.clone();
    // Each byte of a list takes up to two bytes.
    let capacity = 8_192 + 2 * (waveform.len() + thumbnail.len() + sidecar.len());
    let row = Row {
        media,
        encrypted_bytes,
        created_at: to_millis(created_at),
        waveform,
        thumbnail,
        sidecar,
        animated,
    };
    batch.put(key(ROW, &id.to_string()), &encoded(&row, capacity));
}

pub(super) fn put_claim(batch: &mut Batch, id: MediaId, token: &Token) {
    batch.put(key(CLAIM, &id.to_string()), token.as_str().as_bytes());
}

pub(super) fn drop_claim(batch: &mut Batch, id: MediaId) {
    batch.delete(key(CLAIM, &id.to_string()));
}

pub(super) fn put_hosted(batch: &mut Batch, id: MediaId, hosted: &Hosted) {
    let Hosted { url, direct_path } = hosted.clone();
    let row = HostedRow { url, direct_path };
    batch.put(key(HOSTED, &id.to_string()), &encoded(&row, 2_048));
}

/// Removes everything about a file.
pub(super) fn delete(batch: &mut Batch, id: MediaId) {
    let id = id.to_string();
    for scope in [ROW, CLAIM, HOSTED] {
        batch.delete(key(scope, &id));
    }
}

pub(super) fn load(vault: &Vault, id: MediaId) -> Option<Upload> {
    decoded(&vault.load(key(ROW, &id.to_string()))?)
}

pub(super) fn load_hosted(vault: &Vault, id: MediaId) -> Option<Hosted> {
    let bytes = vault.load(key(HOSTED, &id.to_string()))?;
    let row: HostedRow = ciborium::from_reader(bytes.as_slice()).ok()?;
    let HostedRow { url, direct_path } = row;
    Some(Hosted { url, direct_path })
}

/// Every file, with the token of the message that claims it.
pub(super) fn load_all(vault: &Vault) -> Vec<(MediaId, Upload, Option<Token>)> {
    let rows = vault.scan(Tables::UPLOADS, Some(ROW));
    let files = rows.iter().filter_map(|row| {
        let id: MediaId = std::str::from_utf8(&row.id).ok()?.parse().ok()?;
        let upload = decoded(&row.value)?;
        let claim = vault.load(key(CLAIM, &id.to_string()));
        let claim = claim.and_then(|token| std::str::from_utf8(&token).ok()?.parse().ok());
        Some((id, upload, claim))
    });
    files.collect()
}

fn decoded(bytes: &[u8]) -> Option<Upload> {
    let row: Row = ciborium::from_reader(bytes).ok()?;
    let Row {
        media,
        encrypted_bytes,
        created_at,
        waveform,
        thumbnail,
        sidecar,
        animated,
    } = row;
    let created_at: SystemTime = from_millis(created_at);
    Some(Upload {
        media,
        encrypted_bytes,
        waveform,
        thumbnail,
        sidecar,
        animated,
        created_at,
    })
}
