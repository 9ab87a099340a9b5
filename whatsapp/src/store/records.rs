//! The library's records as rows of the vault: their keys, their encoding, and the handling of rows that cannot be
//! decoded. The file of each trait documents which method stores what, and how durably.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::UNIX_EPOCH;

use openclaw_state::clock;
use openclaw_state::journal::Journal;
use openclaw_state::vault::{Ticket, Update, Vault};
use openclaw_vault::{Batch, Entry, Key, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use whatsapp_rust::store::persistence_manager::PersistenceManager;
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use zeroize::Zeroizing;

/// A batch is split at this size, because rows that are written together are read together.
const CHUNK_BYTES: usize = 1 << 20;
/// The maximum size of a value: far more than WhatsApp sends, and less than the vault's limit.
const MAX_VALUE_BYTES: usize = 8 << 20;
/// The maximum number of undecodable rows that are tracked individually.
const MAX_UNREADABLE_ROWS: usize = 4096;

/// All records of the library, in a vault.
pub(super) struct Records {
    pub(super) vault: Vault,
    /// The journal that receives decrypted messages, if there is one; it knows which messages have arrived.
    pub(super) inbox: Option<Arc<Journal>>,
    /// The last write of a message that is not in the journal yet.
    pub(super) pending: Mutex<Ticket>,
    unreadable: Arc<Unreadable>,
    /// The earliest time of a sent message.
    pub(super) sent: Oldest,
    /// The earliest deadline of a message secret.
    pub(super) secrets: Oldest,
    /// True if sessions were written that must be committed but are not durable yet.
    pub(super) sessions_owed: AtomicBool,
    /// The library's copy of the device's row, which it writes periodically.
    pub(super) device: Mutex<Weak<PersistenceManager>>,
}

impl Records {
    pub(super) fn new(vault: Vault, inbox: Option<Arc<Journal>>) -> Self {
        Self {
            vault,
            inbox,
            pending: Mutex::default(),
            unreadable: Arc::default(),
            sent: Oldest::default(),
            secrets: Oldest::default(),
            sessions_owed: AtomicBool::new(false),
            device: Mutex::default(),
        }
    }

    /// The same records through another handle of the vault, with a shared count of undecodable rows.
    pub(super) fn over(&self, vault: Vault) -> Self {
        Self {
            unreadable: Arc::clone(&self.unreadable),
            ..Self::new(vault, self.inbox.clone())
        }
    }

    /// The number of rows that could not be decoded.
    pub(super) fn undecodable(&self) -> u64 {
        self.unreadable.count.load(Ordering::Relaxed)
    }

    /// Loads a row that is stored as plain bytes.
    pub(super) fn load_bytes(&self, key: Key<'_>) -> Option<Vec<u8>> {
        self.vault.load(key).map(taken)
    }

    /// Loads a row that is stored as named fields. A row that cannot be decoded counts as absent.
    pub(super) fn load_row<T: DeserializeOwned>(&self, key: Key<'_>) -> Option<T> {
        self.row(key, self.vault.load(key))
    }

    /// Like [`Records::load_row`], for a value that was loaded already.
    pub(super) fn row<T: DeserializeOwned>(
        &self,
        key: Key<'_>,
        value: Option<Zeroizing<Vec<u8>>>,
    ) -> Option<T> {
        self.readable(key, decode(&value?))
    }

    /// Passes on a decoded row, and counts it if it could not be decoded.
    pub(super) fn readable<T>(&self, key: Key<'_>, row: Option<T>) -> Option<T> {
        if row.is_none() {
            self.unreadable.note(key);
        }
        row
    }

    /// Writes rows, in one batch unless there are many.
    pub(super) fn write_all<'a, V: AsRef<[u8]>>(
        &self,
        rows: impl IntoIterator<Item = (Key<'a>, V)>,
    ) -> Result<()> {
        let mut batch = Batch::new();
        for (key, value) in rows {
            let value = value.as_ref();
            check_size(value.len())?;
            if !batch.is_empty() && batch.len() + value.len() > CHUNK_BYTES {
                self.vault.write(&batch);
                batch.clear();
            }
            batch.put(key, value);
        }
        self.vault.write(&batch);
        Ok(())
    }

    /// Writes rows. Durable on return.
    pub(super) async fn commit_all<'a, V: AsRef<[u8]>>(
        &self,
        rows: impl IntoIterator<Item = (Key<'a>, V)>,
    ) -> Result<()> {
        self.write_all(rows)?;
        self.vault.flush().await;
        Ok(())
    }

    pub(super) fn write(&self, key: Key<'_>, value: &[u8]) -> Result<()> {
        self.write_all([(key, value)])
    }

    pub(super) async fn commit(&self, key: Key<'_>, value: &[u8]) -> Result<()> {
        self.write(key, value)?;
        self.vault.flush().await;
        Ok(())
    }

    pub(super) fn delete(&self, key: Key<'_>) {
        let mut batch = Batch::new();
        batch.delete(key);
        self.vault.write(&batch);
    }

    pub(super) fn delete_all<'a>(&self, keys: impl IntoIterator<Item = Key<'a>>) {
        let mut batch = Batch::new();
        for key in keys {
            batch.delete(key);
        }
        self.vault.write(&batch);
    }
}

/// The maximum number of rows that one sweep removes, so that their keys fit into a frame; the next sweep continues.
const MAX_ROWS_PER_SWEEP: u32 = 20_000;

/// Removes the expired rows of a table, and returns their number. `time` returns `None` for a row that does not
/// expire.
pub(super) fn sweep(
    update: &mut Update<'_>,
    table: Table,
    oldest: &Oldest,
    time: impl Fn(&[u8]) -> Option<i64>,
    over: impl Fn(i64) -> bool,
) -> u32 {
    let (mut gone, mut kept) = (0, i64::MAX);
    for entry in update.scan(table, None) {
        match time(&entry.value) {
            Some(at) if over(at) && gone < MAX_ROWS_PER_SWEEP => {
                update.batch().delete(name(&entry));
                gone += 1;
            }
            Some(at) => kept = kept.min(at),
            None => {}
        }
    }
    oldest.0.store(kept, Ordering::Relaxed);
    gone
}

/// The key of an entry.
pub(super) fn name(entry: &Entry) -> Key<'_> {
    Key::new(entry.table, &entry.scope, &entry.id)
}

/// Moves the bytes out, so that no copy of them stays behind.
pub(super) fn taken(mut value: Zeroizing<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *value)
}

pub(super) fn check_size(length: usize) -> Result<()> {
    if length > MAX_VALUE_BYTES {
        // Checked here, because a vault that fails ends the process.
        return Err(StoreError::Validation(format!(
            "{length} bytes are too many for a record"
        )));
    }
    Ok(())
}

/// Encodes a row as named fields, so that other versions of the library can decode the fields that they know.
pub(super) fn encode<T: Serialize>(row: &T) -> Result<Zeroizing<Vec<u8>>> {
    // Large enough for nearly all rows: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    ciborium::into_writer(row, &mut *bytes)
        .map_err(|_| StoreError::Serialization(Box::new(Unencodable)))?;
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Option<T> {
    let row = ciborium::from_reader(&mut bytes).ok()?;
    bytes.is_empty().then_some(row)
}

/// Contains nothing of the row, which may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("a record has no encoding")]
struct Unencodable;

/// The user of an address: everything before the first `@` or `:`.
pub(super) fn user_of(address: &str) -> &str {
    // No user has this name.
    const NOBODY: &str = "@";
    address
        .find(['@', ':'])
        .map_or(NOBODY, |end| &address[..end])
}

/// Joins two names unambiguously.
pub(super) fn joined(first: &str, second: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + first.len() + second.len());
    bytes.extend((first.len() as u64).to_be_bytes());
    bytes.extend(first.as_bytes());
    bytes.extend(second.as_bytes());
    bytes
}

/// Splits joined names.
pub(super) fn split(joined: &[u8]) -> Option<(String, String)> {
    let (length, words) = joined.split_first_chunk()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (first, second) = std::str::from_utf8(words).ok()?.split_at_checked(length)?;
    Some((first.to_owned(), second.to_owned()))
}

/// Now, in the library's unit: seconds since 1970.
pub(super) fn now() -> i64 {
    let since = clock::protocol()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs().cast_signed()
}

/// Prefixes a value with the time at which it was written.
pub(super) fn timed(at: i64, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 + value.len()));
    bytes.extend(at.to_be_bytes());
    bytes.extend(value);
    bytes
}

pub(super) fn untimed(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (at, value) = bytes.split_first_chunk()?;
    Some((i64::from_be_bytes(*at), value))
}

/// Counts rows that could not be decoded, each once.
#[derive(Default)]
struct Unreadable {
    count: AtomicU64,
    seen: Mutex<HashSet<u64>>,
    hashes: RandomState,
}

impl Unreadable {
    fn note(&self, key: Key<'_>) {
        let name = self.hashes.hash_one((key.table, key.scope, key.id));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let new = !seen.contains(&name);
        if new && seen.len() < MAX_UNREADABLE_ROWS {
            seen.insert(name);
            self.count.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                table = key.table.0,
                hint = "start the version of the agent that wrote it",
                "undecodable row treated as absent"
            );
        }
    }
}

/// A lower bound for all times in a table, so that a sweep that cannot find anything does not scan. Only changed
/// within updates.
pub(super) struct Oldest(AtomicI64);

impl Default for Oldest {
    /// Unknown.
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Oldest {
    pub(super) fn bound(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, time: i64) {
        self.0.fetch_min(time, Ordering::Relaxed);
    }
}
