//! Secrets of messages, with which reactions, votes and edits of a message are decrypted. The library writes them
//! after the fact, so nothing here waits for the disk.

use std::collections::HashMap;

use async_trait::async_trait;
use openclaw_state::vault::{Tables, Update};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{
    MsgSecretEntry, MsgSecretStore, merge_msg_secret_expiry, merge_msg_secret_message_ts,
};
use zeroize::Zeroizing;

use super::Store;
use super::records::{Records, decode, encode, joined, sweep};

/// How late a secret may be removed, in seconds. There may be a hundred thousand secrets and a sweep scans them all,
/// so it should not run every five minutes.
const EXPIRY_TOLERANCE_SECONDS: i64 = 3600;

/// The stored row of a secret.
#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(with = "as_bytes")]
    secret: Zeroizing<[u8; 32]>,
    /// In seconds since 1970; 0 for no expiry.
    #[serde(default)]
    expires_at: i64,
    /// When the message was sent; 0 if unknown.
    #[serde(default)]
    message_ts: i64,
}

#[async_trait]
impl MsgSecretStore for Records {
    async fn put_msg_secret(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
        secret: &[u8; 32],
    ) -> Result<()> {
        let entry = MsgSecretEntry {
            chat: chat.into(),
            sender: sender.into(),
            msg_id: msg_id.into(),
            secret: *secret,
            expires_at: 0,
            message_ts: 0,
        };
        self.put_msg_secrets(vec![entry]).await.map(drop)
    }

    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        let count = entries.len();
        self.vault.update(|update| merge(self, update, entries))?;
        Ok(count)
    }

    async fn get_msg_secret(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Result<Option<Vec<u8>>> {
        let found = self.get_msg_secret_with_ts(chat, sender, msg_id).await?;
        Ok(found.map(|(secret, _)| secret))
    }

    async fn get_msg_secret_with_ts(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Result<Option<(Vec<u8>, i64)>> {
        let row: Option<Row> = self.load_row(of(chat, &joined(sender, msg_id)));
        Ok(row.map(|row| (row.secret.to_vec(), row.message_ts)))
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        let cutoff = cutoff_timestamp;
        if self.secrets.bound() > cutoff.saturating_sub(EXPIRY_TOLERANCE_SECONDS) {
            return Ok(0);
        }
        let time = |row: &[u8]| {
            let row: Row = decode(row)?;
            (row.expires_at != 0).then_some(row.expires_at)
        };
        let over = |deadline| deadline <= cutoff;
        let gone = self
            .vault
            .update(|update| sweep(update, Tables::MESSAGE_SECRETS, &self.secrets, time, over));
        Ok(gone)
    }
}

impl Store {
    /// The secret of a message, by the addresses that the wire has for its chat and its sender.
    pub(crate) fn secret(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Option<Zeroizing<[u8; 32]>> {
        let row: Option<Row> = self.records.load_row(of(chat, &joined(sender, msg_id)));
        row.map(|row| row.secret)
    }

    /// Stores a secret that the library has not stored yet. It is durable with whatever is written to the vault after it.
    pub(crate) fn keep_secret(&self, entry: MsgSecretEntry) -> Result<()> {
        let records = &self.records;
        records
            .vault
            .update(|update| merge(records, update, vec![entry]))
    }
}

/// Merges each entry with the existing one, which may be stored or be an earlier entry of the same call.
fn merge(records: &Records, update: &mut Update<'_>, entries: Vec<MsgSecretEntry>) -> Result<()> {
    let mut rows: HashMap<(std::sync::Arc<str>, Vec<u8>), Row> = HashMap::new();
    for entry in entries {
        let MsgSecretEntry {
            chat,
            sender,
            msg_id,
            secret,
            expires_at,
            message_ts,
        } = entry;
        let id = joined(&sender, &msg_id);
        let key = of(&chat, &id);
        let mut row = Row {
            secret: Zeroizing::new(secret),
            expires_at,
            message_ts,
        };
        let name = (chat.clone(), id.clone());
        let before = rows
            .remove(&name)
            .or_else(|| records.row(key, update.load(key)));
        if let Some(before) = before {
            row.expires_at = merge_msg_secret_expiry(before.expires_at, expires_at);
            row.message_ts = merge_msg_secret_message_ts(before.message_ts, message_ts);
        }
        rows.insert(name, row);
    }
    for ((chat, id), row) in &rows {
        update.batch().put(of(chat, id), &encode(row)?);
        if row.expires_at != 0 {
            records.secrets.add(row.expires_at);
        }
    }
    Ok(())
}

fn of<'a>(chat: &'a str, id: &'a [u8]) -> Key<'a> {
    Key::new(Tables::MESSAGE_SECRETS, chat, id)
}

/// Serialises 32 bytes as bytes; serde's default is a list of numbers.
mod as_bytes {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        secret: &Zeroizing<[u8; 32]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&secret[..])
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Zeroizing<[u8; 32]>, D::Error> {
        let bytes = Zeroizing::new(Vec::<u8>::deserialize(from)?);
        let secret = bytes.as_slice().try_into();
        secret
            .map(Zeroizing::new)
            .map_err(|_| D::Error::invalid_length(bytes.len(), &"32"))
    }
}
