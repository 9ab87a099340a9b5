//! A store in a directory, open in one process: opening, reading, writing, syncing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use zeroize::Zeroizing;

use crate::batch::{Batch, Op, Ops};
use crate::disk::Disk;
use crate::epoch::{Epoch, History};
use crate::error::Error;
use crate::frame::Kind;
use crate::header::{Header, Purpose, Slot, SlotInfo, StoreId};
use crate::headers::{self, Headers};
use crate::index::{Index, Place};
use crate::key::{Key, Table};
use crate::log::{self, Log};
use crate::rewrite::follow;
use crate::secret::{DataKey, Hold, Key32, Secret};

mod compaction;
mod opening;

use compaction::Compacting;
pub use compaction::Compaction;

/// The number of a batch within the current epoch. If a batch is durable, so are all earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Lsn(pub u64);

/// A record that was read.
pub struct Entry {
    /// The table.
    pub table: Table,
    /// The scope of the key.
    pub scope: Vec<u8>,
    /// The rest of the key.
    pub id: Vec<u8>,
    /// The value.
    pub value: Zeroizing<Vec<u8>>,
}

/// Facts about a store. None is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The store's random id.
    pub store: StoreId,
    /// The current epoch and earlier ones, newest last. The current one counts only durable batches.
    pub epochs: Vec<Epoch>,
    /// The number of records.
    pub records: usize,
    /// The size of the log in bytes.
    pub log_bytes: u64,
    /// Bytes of the log that are live.
    pub live_bytes: u64,
    /// The slots that open it.
    pub slots: Vec<SlotInfo>,
}

/// What opening a store found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of an unfinished write at the end of the log, which were dropped.
    pub dropped: u64,
}

/// An fsync to run without holding a lock.
pub struct SyncJob<F> {
    file: Arc<F>,
    log: u64,
    bytes: u64,
    /// The last batch that the fsync makes durable.
    pub upto: Lsn,
}

impl<F: crate::disk::DiskFile> SyncJob<F> {
    /// Runs the fsync. An error is final: the state on disk is unknown.
    pub fn run(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// An open store.
pub struct Vault<D: Disk> {
    pub(crate) disk: D,
    pub(crate) data_key: DataKey,
    hold: Hold,
    headers: Headers<D>,
    pub(crate) log: Log<D::File>,
    pub(crate) index: Index,
    history: History,
    /// The last durable batch of the current epoch.
    durable: Lsn,
    compacting: Option<Compacting<D::File>>,
    /// Cloned by tasks that walk through the log; while one exists, the log is not deleted.
    walkers: Arc<()>,
    /// Cloned by tasks other than compaction that write the next log.
    writers: Arc<()>,
    /// The highest number that any log has had.
    numbers: AtomicU64,
    broken: bool,
}

impl<D: Disk> Vault<D> {
    /// Appends a batch. It becomes durable with the next sync of this or any later batch.
    pub fn append(&mut self, batch: &Batch) -> Result<Lsn, Error> {
        self.guard(|vault| {
            if !batch.is_empty() {
                let (frame, skip) = vault.log.append(Kind::Batch, batch)?;
                vault.history.current.commits += 1;
                follow(&mut vault.index, batch, frame, skip)?;
            }
            Ok(Lsn(vault.history.current.commits))
        })
    }

    /// Makes all appended batches durable.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.guard(|vault| {
            vault.log.sync()?;
            vault.durable = Lsn(vault.history.current.commits);
            Ok(())
        })
    }

    /// The pending fsync, to run without holding a lock: run it, then call [`Vault::synced`].
    pub fn unsynced(&self) -> Option<SyncJob<D::File>> {
        let upto = Lsn(self.history.current.commits);
        (upto > self.durable).then(|| SyncJob {
            file: Arc::clone(&self.log.file),
            log: self.log.number,
            bytes: self.log.end,
            upto,
        })
    }

    /// Records the result of a [`SyncJob`].
    pub fn synced(&mut self, job: &SyncJob<D::File>, result: io::Result<()>) -> Result<(), Error> {
        self.guard(|vault| {
            result.map_err(Error::Sync)?;
            if job.log == vault.log.number {
                vault.log.durable = vault.log.durable.max(job.bytes);
            }
            vault.durable = vault.durable.max(job.upto);
            Ok(())
        })
    }

    /// Fails permanently if the names of the header or the log refer to other files than the open ones: further
    /// writes would go into a directory that no one reads, or next to those of another process.
    pub fn in_place(&mut self) -> Result<(), Error> {
        self.guard(|vault| {
            vault.headers.in_place(&vault.disk)?;
            headers::in_place(&vault.disk, &log::name(vault.log.number), &vault.log.file)
        })
    }

    /// The last batch that was appended.
    pub fn written(&self) -> Lsn {
        Lsn(self.history.current.commits)
    }

    /// The last durable batch.
    pub fn durable(&self) -> Lsn {
        self.durable
    }

    /// The value of a record.
    pub fn load(&self, key: Key<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let Some(place) = self.index.place(key) else {
            return Ok(None);
        };
        let frame = self.log.open(place.frame)?;
        match op_at(&frame, place)? {
            Op::Put { key: found, value } if found == key => {
                Ok(Some(Zeroizing::new(value.to_vec())))
            }
            _ => Err(Error::Malformed { at: place.frame }),
        }
    }

    /// True if the record exists.
    pub fn contains(&self, key: Key<'_>) -> bool {
        self.index.place(key).is_some()
    }

    /// True if the scope has a record.
    pub fn contains_scope(&self, table: Table, scope: &[u8]) -> bool {
        self.index.has_scope(table, scope)
    }

    /// The number of records in a table.
    pub fn count(&self, table: Table) -> usize {
        self.index.count(table)
    }

    /// Calls `each` for every record of a table, or of one scope, in the order in which they were written.
    pub fn scan(
        &self,
        table: Table,
        scope: Option<&[u8]>,
        mut each: impl FnMut(Entry),
    ) -> Result<(), Error> {
        // Records of the same frame are read with one opening of it.
        let mut frame: Option<(u64, Zeroizing<Vec<u8>>)> = None;
        for place in self.index.places(table, scope) {
            let plain = match &frame {
                Some((at, plain)) if *at == place.frame => plain,
                _ => &frame.insert((place.frame, self.log.open(place.frame)?)).1,
            };
            let Op::Put { key, value } = op_at(plain, place)? else {
                return Err(Error::Malformed { at: place.frame });
            };
            if self.index.place(key) != Some(place) {
                return Err(Error::Malformed { at: place.frame });
            }
            if scope.is_some_and(|scope| scope != key.scope) {
                continue;
            }
            each(Entry {
                table,
                scope: key.scope.to_vec(),
                id: key.id.to_vec(),
                value: Zeroizing::new(value.to_vec()),
            });
        }
        Ok(())
    }

    /// The directory.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// The facts that may be reported about the store.
    pub fn summary(&self) -> Summary {
        let current = Epoch {
            commits: self.durable.0,
            ..self.history.current
        };
        let mut epochs = self.history.closed.clone();
        epochs.push(current);
        Summary {
            store: self.headers.header.store,
            epochs,
            records: self.index.len(),
            log_bytes: self.log.end,
            live_bytes: self.index.live(),
            slots: self.slots(),
        }
    }

    pub(crate) fn store(&self) -> StoreId {
        self.headers.header.store
    }

    pub(crate) fn header(&self) -> &Header {
        &self.headers.header
    }

    /// Replaces the slots.
    pub(crate) fn write_slots(&mut self, slots: Vec<Slot>) -> Result<(), Error> {
        self.in_place()?;
        self.guard(|vault| {
            vault.headers.header.slots = slots;
            vault.headers.write(&vault.data_key)
        })
    }

    /// Makes everything durable and records the length of the log in the header, so that a later truncation is
    /// detected.
    pub fn close(mut self) -> Result<(), Error> {
        self.in_place()?;
        self.guard(|vault| {
            vault.log.sync()?;
            vault.headers.header.durable = vault.log.end;
            vault.headers.write(&vault.data_key)
        })
    }

    /// Erases the store: first the header, without which the log cannot be decrypted, then the log. Afterwards the
    /// directory can hold a new store.
    pub fn erase(mut self) -> Result<D, Error> {
        self.in_place()?;
        let Self {
            disk,
            headers,
            data_key,
            log,
            ..
        } = self;
        drop((data_key, log));
        drop(headers);
        headers::erase(&disk)?;
        Ok(disk)
    }

    /// Erases the store except for the records of these tables. They are resealed under a new data key, which only
    /// `secret` opens; without the old key the rest cannot be decrypted. Atomic, also in a crash.
    pub fn erase_but(
        mut self,
        keep: &[Table],
        secret: &Secret,
        slot: &str,
        now: u64,
    ) -> Result<D, Error> {
        self.in_place()?;
        let data_key = Key32::random()?;
        let slot = Slot::wrap(Purpose::Vault, self.store(), slot, now, secret, &data_key)?;
        self.copy(data_key, vec![slot], |table| keep.contains(&table))?;
        let Self {
            disk,
            headers,
            data_key,
            log,
            ..
        } = self;
        drop((data_key, headers, log));
        headers::remove_journal(&disk)?;
        Ok(disk)
    }

    /// After a failed write the state on disk is unknown, so every later operation fails.
    pub(crate) fn guard<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        let result = work(self);
        self.broken = result.as_ref().is_err_and(|error| !error.is_refusal());
        result
    }
}

fn op_at(frame: &[u8], place: Place) -> Result<Op<'_>, Error> {
    let at = place.frame;
    let op = Ops::starting_at(frame, place.at).next();
    let (_, _, op) = op
        .ok_or(Error::Malformed { at })?
        .map_err(|_| Error::Malformed { at })?;
    Ok(op)
}
