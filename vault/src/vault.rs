//! One store in one folder, held by one process: opened, read, written, made durable.

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

/// The number of a batch within the current epoch. All batches up to a durable one are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Lsn(pub u64);

/// A record that was read.
pub struct Entry {
    /// Its table.
    pub table: Table,
    /// Its key's scope.
    pub scope: Vec<u8>,
    /// The rest of its key.
    pub id: Vec<u8>,
    /// Its value.
    pub value: Zeroizing<Vec<u8>>,
}

/// What is known of a store, none of it secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its random name.
    pub store: StoreId,
    /// The current epoch and those before it, newest last. The current one counts durable batches only.
    pub epochs: Vec<Epoch>,
    /// Records in it.
    pub records: usize,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Bytes of it that count.
    pub live_bytes: u64,
    /// What opens it.
    pub slots: Vec<SlotInfo>,
}

/// What opening a store found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Bytes at the log's end that a crash had left unfinished, and that were dropped.
    pub dropped: u64,
}

/// A file to make durable, outside of any lock.
pub struct SyncJob<F> {
    file: Arc<F>,
    log: u64,
    bytes: u64,
    /// The last batch that is durable afterwards.
    pub upto: Lsn,
}

impl<F: crate::disk::DiskFile> SyncJob<F> {
    /// Does it. An error is final: what was written is in an unknown state.
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
    /// Batches of the current epoch that are durable.
    durable: Lsn,
    compacting: Option<Compacting<D::File>>,
    /// Held by the task that walks along the log, which then stays.
    walkers: Arc<()>,
    /// Held by the task that writes the next log, apart from a compaction.
    writers: Arc<()>,
    /// The highest number that any log was given.
    numbers: AtomicU64,
    broken: bool,
}

impl<D: Disk> Vault<D> {
    /// Writes a batch behind everything written before. It becomes durable with a sync, or together with any later one.
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

    /// Makes everything written durable.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.guard(|vault| {
            vault.log.sync()?;
            vault.durable = Lsn(vault.history.current.commits);
            Ok(())
        })
    }

    /// What there is to make durable, for a sync outside of a lock: run it, then [`Vault::synced`].
    pub fn unsynced(&self) -> Option<SyncJob<D::File>> {
        let upto = Lsn(self.history.current.commits);
        (upto > self.durable).then(|| SyncJob {
            file: Arc::clone(&self.log.file),
            log: self.log.number,
            bytes: self.log.end,
            upto,
        })
    }

    /// Takes note that a job was run and how it ended.
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

    /// Fails, for good, when the names of the header or the log stand for other files than those that are open: what is
    /// written then would be in a folder that no one looks into, or next to what another process writes.
    pub fn in_place(&mut self) -> Result<(), Error> {
        self.guard(|vault| {
            vault.headers.in_place(&vault.disk)?;
            headers::in_place(&vault.disk, &log::name(vault.log.number), &vault.log.file)
        })
    }

    /// The last batch that was written.
    pub fn written(&self) -> Lsn {
        Lsn(self.history.current.commits)
    }

    /// The last durable batch.
    pub fn durable(&self) -> Lsn {
        self.durable
    }

    /// A record's value.
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

    /// Whether there is a record of that name.
    pub fn contains(&self, key: Key<'_>) -> bool {
        self.index.place(key).is_some()
    }

    /// Whether there is any record of that scope.
    pub fn contains_scope(&self, table: Table, scope: &[u8]) -> bool {
        self.index.has_scope(table, scope)
    }

    /// How many records a table has.
    pub fn count(&self, table: Table) -> usize {
        self.index.count(table)
    }

    /// Shows each record of a table, or of a scope of it, in the order they were written.
    pub fn scan(
        &self,
        table: Table,
        scope: Option<&[u8]>,
        mut each: impl FnMut(Entry),
    ) -> Result<(), Error> {
        // Records that were written together are opened together.
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

    /// Its folder.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// What may be reported about the store.
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

    /// Puts other slots in place of the present ones.
    pub(crate) fn write_slots(&mut self, slots: Vec<Slot>) -> Result<(), Error> {
        self.in_place()?;
        self.guard(|vault| {
            vault.headers.header.slots = slots;
            vault.headers.write(&vault.data_key)
        })
    }

    /// Makes everything durable, and says in the header how much that is: a later cut of the log is then noticed.
    pub fn close(mut self) -> Result<(), Error> {
        self.in_place()?;
        self.guard(|vault| {
            vault.log.sync()?;
            vault.headers.header.durable = vault.log.end;
            vault.headers.write(&vault.data_key)
        })
    }

    /// Ends the store: the header first, without which the log is noise, then the log. The folder is as good as new.
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

    /// Ends the store but for the records of these tables, which continue under another data key, and only `secret` opens that:
    /// without the old one the rest is noise. Done at once or, after a crash, not at all.
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

    /// After a failed write nothing is known of what is on the disk, so nothing more is done.
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
