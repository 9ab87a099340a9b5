//! The library's records as rows of the vault: how they are named and encoded, and what happens to one that cannot be
//! read. Which method keeps what, and how durably, is said in the file of its trait.

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

/// Rows that are written together are read together, so a batch is cut beyond this many bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// No value is larger: far more than WhatsApp sends, and less than the vault takes.
const MAX_VALUE_BYTES: usize = 8 << 20;
/// How many unreadable rows are remembered one by one.
const MAX_UNREADABLE_ROWS: usize = 4096;

/// Everything that the library keeps, in a vault.
pub(super) struct Records {
    pub(super) vault: Vault,
    /// Where messages go that are decrypted, if anywhere: it knows those that came before.
    pub(super) inbox: Option<Arc<Journal>>,
    /// The last write of a message that is not in the journal yet.
    pub(super) pending: Mutex<Ticket>,
    unreadable: Arc<Unreadable>,
    /// Of the times of messages sent.
    pub(super) sent: Oldest,
    /// Of the deadlines of messages' secrets.
    pub(super) secrets: Oldest,
    /// Whether sessions have been written that are not durable and should be.
    pub(super) sessions_owed: AtomicBool,
    /// Where the library changes the device's row, which it saves from time to time.
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

    /// Those of another handle of the vault, with one count of unreadable rows.
    pub(super) fn over(&self, vault: Vault) -> Self {
        Self {
            unreadable: Arc::clone(&self.unreadable),
            ..Self::new(vault, self.inbox.clone())
        }
    }

    /// Rows that were found and could not be read.
    pub(super) fn undecodable(&self) -> u64 {
        self.unreadable.count.load(Ordering::Relaxed)
    }

    /// A row that is its bytes.
    pub(super) fn load_bytes(&self, key: Key<'_>) -> Option<Vec<u8>> {
        self.vault.load(key).map(taken)
    }

    /// A row in fields. One that cannot be read counts as absent.
    pub(super) fn load_row<T: DeserializeOwned>(&self, key: Key<'_>) -> Option<T> {
        self.row(key, self.vault.load(key))
    }

    /// As [`Records::load_row`], of a value that was read already.
    pub(super) fn row<T: DeserializeOwned>(
        &self,
        key: Key<'_>,
        value: Option<Zeroizing<Vec<u8>>>,
    ) -> Option<T> {
        self.readable(key, decode(&value?))
    }

    /// Passes on what a row was read as, and counts it when that is nothing.
    pub(super) fn readable<T>(&self, key: Key<'_>, row: Option<T>) -> Option<T> {
        if row.is_none() {
            self.unreadable.note(key);
        }
        row
    }

    /// Writes rows, in one batch unless they are many.
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

    /// Writes rows, and returns once they are durable.
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

/// A batch of the names of so many rows fits in a frame; what is beyond goes with the next sweep.
const MAX_ROWS_PER_SWEEP: u32 = 20_000;

/// Removes the rows of a table whose time is over, and returns how many. `time` is `None` for a row that has none.
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

/// A record's name.
pub(super) fn name(entry: &Entry) -> Key<'_> {
    Key::new(entry.table, &entry.scope, &entry.id)
}

/// The bytes, without a copy that stays behind.
pub(super) fn taken(mut value: Zeroizing<Vec<u8>>) -> Vec<u8> {
    std::mem::take(&mut *value)
}

pub(super) fn check_size(length: usize) -> Result<()> {
    if length > MAX_VALUE_BYTES {
        // Not for the vault to find out: a store that fails ends the process.
        return Err(StoreError::Validation(format!(
            "{length} bytes are too many for a record"
        )));
    }
    Ok(())
}

/// A row in fields, each with its name: another version of the library reads what it knows of it.
pub(super) fn encode<T: Serialize>(row: &T) -> Result<Zeroizing<Vec<u8>>> {
    // Large enough for all but odd rows: one that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    ciborium::into_writer(row, &mut *bytes)
        .map_err(|_| StoreError::Serialization(Box::new(Unencodable)))?;
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Option<T> {
    let row = ciborium::from_reader(&mut bytes).ok()?;
    bytes.is_empty().then_some(row)
}

/// Says nothing of the row: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("a record has no encoding")]
struct Unencodable;

/// The user that an address is of: all before the first `@` or `:`.
pub(super) fn user_of(address: &str) -> &str {
    // No user is called so.
    const NOBODY: &str = "@";
    address
        .find(['@', ':'])
        .map_or(NOBODY, |end| &address[..end])
}

/// Two names as one, so that no other two give the same.
pub(super) fn joined(first: &str, second: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + first.len() + second.len());
    bytes.extend((first.len() as u64).to_be_bytes());
    bytes.extend(first.as_bytes());
    bytes.extend(second.as_bytes());
    bytes
}

/// The two words that were joined.
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

/// A value with the time it was written at, and the way back.
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

/// Counts rows that could not be read, each once.
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

/// No time in a table is before this: a sweep that can find nothing reads nothing. Changed within updates only.
pub(super) struct Oldest(AtomicI64);

impl Default for Oldest {
    /// Not known.
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
