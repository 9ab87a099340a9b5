//! One store in one folder, held by one process: opened, read, written, made durable.

use std::io;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::batch::{Batch, Op, Ops};
use crate::disk::{Disk, DiskFile as _};
use crate::epoch::{Epoch, History};
use crate::error::Error;
use crate::frame::Kind;
use crate::header::{Header, Purpose, Slot, SlotInfo, StoreId};
use crate::headers::{self, Headers};
use crate::index::{Index, Place};
use crate::key::{Key, Table};
use crate::log::{self, Log, Reader};
use crate::rewrite::{Rewrite, Walk, follow};
use crate::secret::{DataKey, Hold, Key32, Secret};

/// A log is rewritten once it is this many times as long as what is live in it, and this much longer.
const SLACK_FACTOR: u64 = 2;
const SLACK: u64 = 1 << 20;
/// Or once it holds this many epochs.
const MANY_EPOCHS: usize = 64;
/// What a rewritten log gathers before it is worth making durable on the way.
const SYNC_EVERY: u64 = 1 << 20;

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

/// What opening a store told.
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

/// How far a compaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// None is called for.
    Idle,
    /// It goes on with the next step.
    Underway,
    /// It is done but for the end, which waits until nobody reads the old log any more.
    Held,
    /// It is done.
    Done,
}

/// Compaction under way.
struct Compacting<F> {
    walk: Walk,
    rewrite: Rewrite<F>,
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
    /// Held by whoever walks along the log, which then stays.
    walkers: Arc<()>,
    broken: bool,
}

impl<D: Disk> Vault<D> {
    /// Makes a store in a folder without one. What an interrupted creation or erasure left there goes.
    pub fn create(
        disk: D,
        secret: &Secret,
        slot: &str,
        now: u64,
        hold: Hold,
    ) -> Result<Self, Error> {
        if headers::presence(&disk)?.is_some() {
            return Err(Error::Present);
        }
        if !crate::header::is_name(slot) {
            return Err(Error::BadName);
        }
        let (store, data_key) = (StoreId::random()?, hold(Key32::random()?));
        let history = History::default().reopened()?;
        let file = disk.create(&log::name(1)).map_err(Error::Folder)?;
        let mut log = Log::create(file, &data_key, store, 1, &history)?;
        log.sync()?;
        disk.sync().map_err(Error::Folder)?;
        let header = Header {
            purpose: Purpose::Vault,
            store,
            revision: 1,
            generation: history.current.generation,
            log: 1,
            durable: log.end,
            slots: vec![Slot::wrap(
                Purpose::Vault,
                store,
                slot,
                now,
                secret,
                &data_key,
            )?],
        };
        let headers = Headers::create(&disk, header, &data_key)?;
        Ok(Self::assemble(
            disk,
            data_key,
            hold,
            headers,
            log,
            Index::default(),
            history,
        ))
    }

    /// Opens the store in a folder. All that was durable is there, and all that is there is durable.
    pub fn open(disk: D, secret: &Secret, hold: Hold) -> Result<(Self, Opened), Error> {
        headers::presence(&disk)?.ok_or(Error::Absent)?;
        let (mut headers, data_key) = Headers::open(&disk, secret, hold)?;
        let Header {
            store,
            log: number,
            durable,
            ..
        } = headers.header;
        remove_strays(&disk, number)?;
        let name = log::name(number);
        let file = disk
            .open(&name)
            .map_err(Error::Read)?
            .ok_or(Error::LogMissing(name))?;
        let mut index = Index::default();
        let reader = Reader::new(&data_key, store, number);
        let recovered = log::recover(&file, reader, durable, |frame| {
            for op in frame.ops() {
                let (place, op) = op?;
                index.apply(op, place);
            }
            Ok(())
        })?;
        let (log_generation, header_generation) = (
            recovered.history.current.generation,
            headers.header.generation,
        );
        if log_generation < header_generation {
            return Err(Error::Older {
                log: log_generation,
                header: header_generation,
            });
        }
        let length = file.length().map_err(Error::Read)?;
        let dropped = length - recovered.end;
        if dropped > 0 {
            file.set_len(recovered.end).map_err(Error::Write)?;
        }
        let history = recovered.history.clone().reopened()?;
        let mut log = Log::resume(file, &data_key, number, recovered, &history)?;
        // What was replayed may never have been durable: a killed process leaves it to the system.
        log.sync()?;
        headers.header.generation = history.current.generation;
        headers.header.durable = log.end;
        headers.write(&data_key)?;
        let vault = Self::assemble(disk, data_key, hold, headers, log, index, history);
        Ok((vault, Opened { dropped }))
    }

    fn assemble(
        disk: D,
        data_key: DataKey,
        hold: Hold,
        headers: Headers<D>,
        log: Log<D::File>,
        index: Index,
        history: History,
    ) -> Self {
        Self {
            disk,
            data_key,
            hold,
            headers,
            log,
            index,
            history,
            durable: Lsn(0),
            compacting: None,
            walkers: Arc::new(()),
            broken: false,
        }
    }

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
            Op::Put { value, .. } => Ok(Some(Zeroizing::new(value.to_vec()))),
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

    /// What may be told of the store.
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

    /// Goes on with a compaction for about `budget` bytes of the old log, or begins one that is called for.
    pub fn compact(&mut self, budget: usize) -> Result<Compaction, Error> {
        self.guard(|vault| {
            if vault.compacting.is_none() {
                if !vault.wants_compaction() {
                    return Ok(Compaction::Idle);
                }
                let walk = Walk::new(&vault.log, &vault.data_key, vault.store(), vault.log.end);
                let rewrite = vault.rewrite(DataKey::clone(&vault.data_key))?;
                vault.compacting = Some(Compacting { walk, rewrite });
            }
            vault.compaction_step(budget)
        })
    }

    fn compaction_step(&mut self, budget: usize) -> Result<Compaction, Error> {
        let Some(Compacting { walk, rewrite }) = &mut self.compacting else {
            return Ok(Compaction::Idle);
        };
        let arrived = walk.step(&self.log, &self.index, budget, |op| rewrite.push(op))?;
        // A backup that reads the old log lets it stay until it is through.
        if !arrived {
            return Ok(Compaction::Underway);
        }
        if Arc::strong_count(&self.walkers) > 1 {
            return Ok(Compaction::Held);
        }
        if let Some(Compacting { rewrite, .. }) = self.compacting.take() {
            let slots = self.headers.header.slots.clone();
            self.switch(rewrite, slots)?;
        }
        Ok(Compaction::Done)
    }

    /// A part of the log in the making that is worth making durable on the way, outside of any lock.
    pub fn compaction_job(&mut self) -> Option<Arc<D::File>> {
        let log = &mut self.compacting.as_mut()?.rewrite.log;
        let due = log.end - log.durable >= SYNC_EVERY;
        due.then(|| {
            // Only spaces the syncs out: the log in the making is synced whole before it is used.
            log.durable = log.end;
            Arc::clone(&log.file)
        })
    }

    /// Whether the log holds so much that is dead that a compaction is called for.
    pub fn wants_compaction(&self) -> bool {
        let dead = self
            .log
            .end
            .saturating_sub(self.index.live() * SLACK_FACTOR);
        dead > SLACK || self.log.epochs() > MANY_EPOCHS
    }

    /// Begins the next log, which becomes the live one in [`Vault::switch`].
    pub(crate) fn rewrite(&self, data_key: DataKey) -> Result<Rewrite<D::File>, Error> {
        let number = self.log.number + 1;
        let file = self
            .disk
            .create(&log::name(number))
            .map_err(Error::Folder)?;
        Rewrite::new(
            file,
            data_key,
            self.store(),
            number,
            self.index.sibling(),
            &self.history,
        )
    }

    /// Makes a rewritten log the live one. All that was written is durable afterwards.
    pub(crate) fn switch(
        &mut self,
        mut rewrite: Rewrite<D::File>,
        slots: Vec<Slot>,
    ) -> Result<(), Error> {
        rewrite.finish(&self.history)?;
        self.disk.sync().map_err(Error::Folder)?;
        let Rewrite {
            log,
            index,
            data_key,
            ..
        } = rewrite;
        let header = &mut self.headers.header;
        header.log = log.number;
        header.durable = log.end;
        header.slots = slots;
        self.headers.write(&data_key)?;
        let old = std::mem::replace(&mut self.log, log);
        self.index = index;
        self.data_key = data_key;
        self.durable = Lsn(self.history.current.commits);
        // A log that cannot be removed now is removed at the next start.
        let _ = self.disk.remove(&log::name(old.number));
        Ok(())
    }

    /// Copies the live log under another data key, in one go.
    pub(crate) fn rekey(&mut self, data_key: Key32, slots: Vec<Slot>) -> Result<(), Error> {
        self.idle()?;
        self.guard(|vault| {
            let mut walk = Walk::new(&vault.log, &vault.data_key, vault.store(), vault.log.end);
            let mut rewrite = vault.rewrite((vault.hold)(data_key))?;
            walk.step(&vault.log, &vault.index, usize::MAX >> 1, |op| {
                rewrite.push(op)
            })?;
            vault.switch(rewrite, slots)
        })
    }

    /// Nobody walks along the log or writes the next one.
    pub(crate) fn idle(&self) -> Result<(), Error> {
        let idle = self.compacting.is_none() && Arc::strong_count(&self.walkers) == 1;
        idle.then_some(()).ok_or(Error::Busy)
    }

    pub(crate) fn walker(&self) -> Arc<()> {
        Arc::clone(&self.walkers)
    }

    pub(crate) fn store(&self) -> StoreId {
        self.headers.header.store
    }

    pub(crate) fn header(&self) -> &Header {
        &self.headers.header
    }

    /// Puts other slots in place of the present ones.
    pub(crate) fn write_slots(&mut self, slots: Vec<Slot>) -> Result<(), Error> {
        self.guard(|vault| {
            vault.headers.header.slots = slots;
            vault.headers.write(&vault.data_key)
        })
    }

    /// Makes everything durable, and says in the header how much that is: a later cut of the log is then noticed.
    pub fn close(mut self) -> Result<(), Error> {
        self.guard(|vault| {
            vault.log.sync()?;
            vault.headers.header.durable = vault.log.end;
            vault.headers.write(&vault.data_key)
        })
    }

    /// Ends the store: the header first, without which the log is noise, then the log. The folder is as good as new.
    pub fn erase(self) -> Result<D, Error> {
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

    /// After a failed write nothing is known of what is on the disk, so nothing more is done.
    pub(crate) fn guard<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        let result = work(self);
        self.broken = matches!(
            result,
            Err(Error::Write(_)
                | Error::Sync(_)
                | Error::Read(_)
                | Error::Folder(_)
                | Error::Damaged { .. }
                | Error::Malformed { .. })
        );
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

/// What an interrupted rewriting left.
fn remove_strays(disk: &impl Disk, live: u64) -> Result<(), Error> {
    for name in disk.names().map_err(Error::Folder)? {
        if log::number(&name).is_some_and(|number| number != live) {
            disk.remove(&name).map_err(Error::Folder)?;
        }
    }
    Ok(())
}
