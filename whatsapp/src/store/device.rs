//! The device: the account's keys and its own settings, in one row. This row must never be treated as absent if it
//! cannot be decoded, because the library would replace it with a new device.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use ciborium::Value;
use openclaw_state::vault::Tables;
use openclaw_vault::Key;
use whatsapp_rust::store::persistence_manager::PersistenceManager;
use whatsapp_rust::wacore::stats::StorageResourceReport;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::DeviceStore;

use super::records::{Records, decode, encode};

/// Size of an index entry of the vault, with the tree around it.
const INDEX_BYTES: u64 = 80;

/// Without one of these fields the device cannot be used.
const ESSENTIAL: [&str; 10] = [
    "pn",
    "lid",
    "registration_id",
    "noise_key",
    "identity_key",
    "signed_pre_key",
    "signed_pre_key_id",
    "signed_pre_key_signature",
    "adv_secret_key",
    "account",
];

/// The device's row exists, but this version cannot decode it.
#[derive(Debug, thiserror::Error)]
#[error("the stored device cannot be read by this version of the agent")]
pub struct Unreadable;

impl Records {
    /// Sets where the library keeps the device's row in memory from now on.
    pub(super) fn attach(&self, device: &Arc<PersistenceManager>) {
        *self.device_writer() = Arc::downgrade(device);
    }

    /// Writes the device's row if the library has changed it; the library itself only writes it periodically.
    pub(super) async fn save_device(&self) -> Result<()> {
        let writer = self.device_writer().upgrade();
        match writer {
            Some(writer) => writer.flush().await,
            None => Ok(()),
        }
    }

    fn device_writer(&self) -> MutexGuard<'_, Weak<PersistenceManager>> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DeviceStore for Records {
    async fn save(&self, device: &Device) -> Result<()> {
        let row = encode(device)?;
        self.vault
            .update_durably(|update| {
                let same = update.load(key()).is_some_and(|stored| *stored == *row);
                if !same {
                    update.batch().put(key(), &row);
                }
            })
            .await;
        Ok(())
    }

    async fn load(&self) -> Result<Option<Device>> {
        self.device()
            .map_err(|unreadable| StoreError::Serialization(Box::new(unreadable)))
    }

    async fn exists(&self) -> Result<bool> {
        Ok(self.vault.contains(key()))
    }

    async fn create(&self) -> Result<i32> {
        let row = encode(&Device::new())?;
        self.vault.update(|update| {
            if !update.contains(key()) {
                update.batch().put(key(), &row);
            }
        });
        Ok(1)
    }

    async fn snapshot_db(&self, _name: &str, _extra_content: Option<&[u8]>) -> Result<()> {
        // This is for debugging the library. Backups are made on request, and are sealed.
        Ok(())
    }

    async fn resource_report(&self) -> StorageResourceReport {
        let records = self.vault.summary().map(|summary| summary.records as u64);
        StorageResourceReport {
            memory_bytes: records.map(|records| records * INDEX_BYTES),
            pages: records,
            ..StorageResourceReport::default()
        }
    }
}

impl Records {
    /// The device, or an error if this version cannot decode it.
    pub(super) fn device(&self) -> std::result::Result<Option<Device>, Unreadable> {
        let Some(row) = self.vault.load(key()) else {
            return Ok(None);
        };
        let device = self.readable(key(), read(&row));
        device.map(Some).ok_or(Unreadable)
    }
}

/// The key of the device's row.
pub(super) fn key() -> Key<'static> {
    Key::new(Tables::DEVICE, "", "")
}

/// Decodes a device, also from a row of another version: a field that is missing or cannot be decoded gets the value
/// of a new device, unless it is essential.
pub(super) fn read(row: &[u8]) -> Option<Device> {
    if let Some(device) = decode(row) {
        return Some(device);
    }
    let (essential, rest): (Vec<_>, Vec<_>) = fields(row)?
        .into_iter()
        .partition(|(name, _)| ESSENTIAL.contains(&name.as_str()));
    if essential.len() != ESSENTIAL.len() {
        return None;
    }
    let mut device = fields(&encode(&Device::new()).ok()?)?;
    for (name, value) in essential {
        set(&mut device, name, value);
    }
    build(&device)?;
    for (name, value) in rest {
        let mut candidate = device.clone();
        set(&mut candidate, name, value);
        if build(&candidate).is_some() {
            device = candidate;
        }
    }
    build(&device)
}

type Field = (String, Value);

fn fields(row: &[u8]) -> Option<Vec<Field>> {
    let Value::Map(fields) = decode(row)? else {
        return None;
    };
    let named = |(name, value)| match name {
        Value::Text(name) => Some((name, value)),
        _ => None,
    };
    fields.into_iter().map(named).collect()
}

fn set(fields: &mut Vec<Field>, name: String, value: Value) {
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some(field) => field.1 = value,
        None => fields.push((name, value)),
    }
}

fn build(fields: &[Field]) -> Option<Device> {
    let named = |(name, value): &Field| (Value::Text(name.clone()), value.clone());
    let row = Value::Map(fields.iter().map(named).collect());
    // Encoded and decoded again, because decoding from the value itself does not accept a byte string as a list.
    decode(&encode(&row).ok()?)
}
