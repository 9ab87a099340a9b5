//! Identities, sessions, prekeys and sender keys. State that must never be reused with a peer after a crash is
//! durable on return; removals, and changes to a session by receiving, become durable with the next commit.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_state::vault::{Tables, Update};
use openclaw_vault::Key;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::SignalStore;

use super::records::{Records, check_size, taken, user_of};
use super::sending::Sending;

/// For more prekeys than this, one scan of all is faster: those created together are stored together.
const MAX_SINGLE_READS: usize = 8;

#[async_trait]
impl SignalStore for Records {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.commit(identity(address), &key).await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        if identities.is_empty() {
            return Ok(());
        }
        self.commit_all(
            identities
                .iter()
                .map(|(address, key)| (identity(address), key)),
        )
        .await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let key = identity(address);
        let stored = self.vault.load(key);
        Ok(stored.and_then(|stored| self.readable(key, stored.as_slice().try_into().ok())))
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.delete(identity(address));
        Ok(())
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        Ok(self.load_bytes(session(address)).map(Bytes::from))
    }

    async fn put_session(&self, address: &str, record: &[u8]) -> Result<()> {
        self.commit(session(address), record).await
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        if sessions.is_empty() {
            return Ok(());
        }
        let rows = sessions
            .iter()
            .map(|(address, record)| (session(address), record));
        // A commit that was cancelled may have written rows that are not durable.
        let owed = self.sessions_owed.swap(true, Ordering::Relaxed);
        failpoint::pass(Failpoint::Flushing);
        if !owed
            && rows
                .clone()
                .all(|(key, record)| self.sends_as_before(key, record))
        {
            self.write_all(rows)?;
        } else {
            self.commit_all(rows).await?;
        }
        self.sessions_owed.store(false, Ordering::Relaxed);
        failpoint::pass(Failpoint::Flushed);
        Ok(())
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.delete(session(address));
        Ok(())
    }

    async fn has_session(&self, address: &str) -> Result<bool> {
        Ok(self.vault.contains(session(address)))
    }

    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        let tables = [Tables::SESSIONS, Tables::IDENTITIES];
        Ok(tables
            .into_iter()
            .any(|table| self.vault.contains_scope(table, user.as_bytes())))
    }

    async fn store_prekey(&self, id: u32, record: &[u8], uploaded: bool) -> Result<()> {
        check_size(record.len())?;
        self.vault
            .update_durably(|update| put_prekeys(update, &[(id, record)], uploaded))
            .await;
        Ok(())
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], uploaded: bool) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        check_size(keys.iter().map(|(_, record)| record.len() + 32).sum())?;
        self.vault
            .update_durably(|update| put_prekeys(update, keys, uploaded))
            .await;
        Ok(())
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        let id = id.to_be_bytes();
        let key = Key::new(Tables::PREKEYS, "", &id);
        let stored = self.vault.load(key).map(taken);
        Ok(stored.and_then(|stored| self.readable(key, record_of(stored))))
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let mut found = Vec::with_capacity(ids.len());
        if ids.len() <= MAX_SINGLE_READS {
            for &id in ids {
                found.extend(self.load_prekey(id).await?.map(|record| (id, record)));
            }
            return Ok(found);
        }
        let wanted: HashSet<u32> = ids.iter().copied().collect();
        for entry in self.vault.scan(Tables::PREKEYS, None) {
            let Some(id) = number(&entry.id).filter(|id| wanted.contains(id)) else {
                continue;
            };
            let key = Key::new(Tables::PREKEYS, "", &entry.id);
            let record = self.readable(key, record_of(taken(entry.value)));
            found.extend(record.map(|record| (id, record)));
        }
        Ok(found)
    }

    async fn mark_prekeys_uploaded(&self, ids: &[u32]) -> Result<()> {
        let wanted: HashSet<u32> = ids.iter().copied().collect();
        self.vault.update(|update| {
            for mut entry in update.scan(Tables::PREKEYS, None) {
                let known = number(&entry.id).is_some_and(|id| wanted.contains(&id));
                if known && entry.value.first() == Some(&0) {
                    entry.value[0] = 1;
                    let key = Key::new(Tables::PREKEYS, "", &entry.id);
                    update.batch().put(key, &entry.value);
                }
            }
        });
        Ok(())
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.delete(Key::new(Tables::PREKEYS, "", &id.to_be_bytes()));
        Ok(())
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        Ok(self.vault.update(highest_prekey))
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        let id = id.to_be_bytes();
        self.commit(Key::new(Tables::SIGNED_PREKEYS, "", &id), record)
            .await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        let id = id.to_be_bytes();
        Ok(self.load_bytes(Key::new(Tables::SIGNED_PREKEYS, "", &id)))
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let entries = self.vault.scan(Tables::SIGNED_PREKEYS, None);
        Ok(entries
            .into_iter()
            .filter_map(|entry| Some((number(&entry.id)?, taken(entry.value))))
            .collect())
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.delete(Key::new(Tables::SIGNED_PREKEYS, "", &id.to_be_bytes()));
        Ok(())
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        self.commit(sender_key(address), record).await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        if sender_keys.is_empty() {
            return Ok(());
        }
        let rows = sender_keys
            .iter()
            .map(|(address, record)| (sender_key(address), record));
        self.commit_all(rows).await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.load_bytes(sender_key(address)))
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.delete(sender_key(address));
        Ok(())
    }
}

impl Records {
    /// True if the stored row of a session would continue to send without reusing anything.
    fn sends_as_before(&self, key: Key<'_>, record: &[u8]) -> bool {
        let Some(sending) = Sending::of(record) else {
            return false;
        };
        let kept = self.vault.load(key);
        kept.is_some_and(|kept| Sending::of(&kept) == Some(sending))
    }
}

fn identity(address: &str) -> Key<'_> {
    Key::new(Tables::IDENTITIES, user_of(address), address)
}

fn session(address: &str) -> Key<'_> {
    Key::new(Tables::SESSIONS, user_of(address), address)
}

/// The library's name of a sender key is `group:address`.
fn sender_key(name: &str) -> Key<'_> {
    let group = name.split_once(':').map_or(name, |(group, _)| group);
    Key::new(Tables::SENDER_KEYS, group, name)
}

pub(super) fn number(id: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(id.try_into().ok()?))
}

/// The row of a prekey: whether it was uploaded, and its record.
fn record_of(row: Vec<u8>) -> Option<Bytes> {
    (!row.is_empty()).then(|| Bytes::from(row).slice(1..))
}

const HIGHEST: (&str, &str) = ("", "");

fn highest_key() -> Key<'static> {
    Key::new(Tables::HIGHEST_PREKEY, HIGHEST.0, HIGHEST.1)
}

/// An upper bound for the ids of all prekeys; `None` if unknown.
fn highest_bound(update: &Update<'_>) -> Option<u32> {
    match update.load(highest_key()) {
        Some(bound) => number(&bound),
        None => (update.count(Tables::PREKEYS) == 0).then_some(0),
    }
}

fn put_prekeys(update: &mut Update<'_>, keys: &[(u32, impl AsRef<[u8]>)], uploaded: bool) {
    let mut row = zeroize::Zeroizing::new(Vec::with_capacity(128));
    for (id, record) in keys {
        row.clear();
        row.push(u8::from(uploaded));
        row.extend(record.as_ref());
        let id = id.to_be_bytes();
        update.batch().put(Key::new(Tables::PREKEYS, "", &id), &row);
    }
    let highest = keys.iter().map(|(id, _)| *id).max();
    if let (Some(bound), Some(highest)) = (highest_bound(update), highest)
        && highest > bound
    {
        update.batch().put(highest_key(), &highest.to_be_bytes());
    }
}

/// The highest id, without scanning the records unless the prekey with the highest id was used.
fn highest_prekey(update: &mut Update<'_>) -> u32 {
    let bound = highest_bound(update);
    if let Some(bound) = bound
        && (bound == 0 || update.contains(Key::new(Tables::PREKEYS, "", &bound.to_be_bytes())))
    {
        return bound;
    }
    let ids = update.scan(Tables::PREKEYS, None);
    let highest = ids.iter().filter_map(|entry| number(&entry.id)).max();
    let highest = highest.unwrap_or(0);
    update.batch().put(highest_key(), &highest.to_be_bytes());
    highest
}
