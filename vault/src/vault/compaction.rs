//! Compaction of the live log while the store is in use, and the switch to any rewritten log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::opening::remove_strays;
use super::{Lsn, Vault};
use crate::batch::Op;
use crate::disk::Disk;
use crate::error::Error;
use crate::header::Slot;
use crate::key::{Key, Table};
use crate::log;
use crate::rewrite::{Rewrite, Walk};
use crate::secret::{DataKey, Key32};

/// A log is compacted once it is this many times larger than its live part, and this many bytes larger.
const SLACK_FACTOR: u64 = 2;
const SLACK_BYTES: u64 = 1 << 20;
/// It is also compacted once it holds this many epochs.
const MAX_EPOCHS: usize = 64;
/// How many bytes of a new log are written between two intermediate fsyncs.
const SYNC_EVERY_BYTES: u64 = 1 << 20;

/// The progress of a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// None is needed.
    Idle,
    /// It continues with the next step.
    Underway,
    /// The new log is complete; the switch waits until no one reads the old log any more.
    Held,
    /// The new log is live.
    Done,
}

/// A compaction in progress.
pub(super) struct Compacting<F> {
    walk: Walk,
    rewrite: Rewrite<F>,
}

impl<D: Disk> Vault<D> {
    /// Continues a compaction for about `budget` bytes of the old log, or starts one if needed.
    pub fn compact(&mut self, budget: usize) -> Result<Compaction, Error> {
        self.guard(|vault| {
            if vault.compacting.is_none() {
                if !vault.wants_compaction() {
                    return Ok(Compaction::Idle);
                }
                vault.begin()?;
            }
            let step = vault.compaction_step(budget);
            if step.is_err() {
                // The new log may have half a frame.
                vault.compacting = None;
            }
            step
        })
    }

    /// Starts a compaction even if none is needed; [`Vault::compact`] continues it.
    pub fn begin_compaction(&mut self) -> Result<(), Error> {
        let writing = self.compacting.is_some() || Arc::strong_count(&self.writers) > 1;
        if writing {
            return Err(Error::Busy);
        }
        self.guard(Self::begin)
    }

    fn begin(&mut self) -> Result<(), Error> {
        let walk = Walk::new(&self.log, &self.data_key, self.store(), self.log.end);
        let rewrite = self.rewrite(DataKey::clone(&self.data_key))?;
        self.compacting = Some(Compacting { walk, rewrite });
        Ok(())
    }

    fn compaction_step(&mut self, budget: usize) -> Result<Compaction, Error> {
        let Some(Compacting { walk, rewrite }) = &mut self.compacting else {
            return Ok(Compaction::Idle);
        };
        let complete = walk.step(&self.log, &self.index, budget, |op| rewrite.push(op))?;
        if !complete {
            return Ok(Compaction::Underway);
        }
        // A backup still reads the old log.
        if Arc::strong_count(&self.walkers) > 1 {
            return Ok(Compaction::Held);
        }
        if let Some(Compacting { rewrite, .. }) = self.compacting.take() {
            let slots = self.header().slots.clone();
            self.switch(rewrite, slots)?;
        }
        Ok(Compaction::Done)
    }

    /// An intermediate fsync of the new log, to run without holding a lock, if one is due.
    pub fn compaction_job(&mut self) -> Option<Arc<D::File>> {
        let log = &mut self.compacting.as_mut()?.rewrite.log;
        let due = log.end - log.durable >= SYNC_EVERY_BYTES;
        due.then(|| {
            // This only spreads the I/O: the new log is synced completely before the switch.
            log.durable = log.end;
            Arc::clone(&log.file)
        })
    }

    /// True if enough of the log is dead that it should be compacted.
    pub fn wants_compaction(&self) -> bool {
        let dead = self
            .log
            .end
            .saturating_sub(self.index.live() * SLACK_FACTOR);
        let due = dead > SLACK_BYTES || self.log.epochs() > MAX_EPOCHS;
        due && Arc::strong_count(&self.writers) == 1
    }

    /// Starts the next log. [`Vault::switch`] makes it the live one.
    pub(crate) fn rewrite(&self, data_key: DataKey) -> Result<Rewrite<D::File>, Error> {
        // From here on, files are created and removed by name.
        self.headers.in_place(&self.disk)?;
        // Removes the file of an earlier attempt. Its number is not reused: two logs with the same number could be
        // exchanged for one another unnoticed.
        remove_strays(&self.disk, self.log.number)?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
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

    /// Makes a rewritten log the live one. Afterwards everything written is durable.
    pub(crate) fn switch(
        &mut self,
        mut rewrite: Rewrite<D::File>,
        slots: Vec<Slot>,
    ) -> Result<(), Error> {
        rewrite.finish(&self.history)?;
        self.disk.sync().map_err(Error::Folder)?;
        self.headers.in_place(&self.disk)?;
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
        // If this fails, the next start removes the log.
        let _ = self.disk.remove(&log::name(old.number));
        Ok(())
    }

    /// Removes all records of these tables by writing a new log without them. Aborts a compaction or a backup in
    /// progress.
    pub fn clear(&mut self, tables: &[Table]) -> Result<(), Error> {
        self.replace(tables, [])
    }

    /// Replaces the records of these tables. A single header write makes the new log, with the new records and
    /// without the old ones, the live one. Aborts a compaction or a backup in progress.
    pub fn replace<'a>(
        &mut self,
        tables: &[Table],
        records: impl IntoIterator<Item = (Key<'a>, &'a [u8])>,
    ) -> Result<(), Error> {
        self.guard(|vault| {
            vault.compacting = None;
            let mut walk = Walk::new(&vault.log, &vault.data_key, vault.store(), vault.log.end);
            let mut rewrite = vault.rewrite(DataKey::clone(&vault.data_key))?;
            walk.step(&vault.log, &vault.index, usize::MAX >> 1, |op| match op {
                Op::Put { key, .. } if !tables.contains(&key.table) => rewrite.push(op),
                _ => Ok(()),
            })?;
            for (key, value) in records {
                rewrite.push(Op::Put { key, value })?;
            }
            let slots = vault.headers.header.slots.clone();
            vault.switch(rewrite, slots)
        })
    }

    /// Copies the live log under a new data key, in one call.
    pub(crate) fn rekey(&mut self, data_key: Key32, slots: Vec<Slot>) -> Result<(), Error> {
        self.idle()?;
        self.copy(data_key, slots, |_| true)
    }

    /// Copies the live records of some tables under a new data key. Aborts a compaction or a backup in progress.
    pub(crate) fn copy(
        &mut self,
        data_key: Key32,
        slots: Vec<Slot>,
        is_kept: impl Fn(Table) -> bool,
    ) -> Result<(), Error> {
        self.guard(|vault| {
            vault.compacting = None;
            let mut walk = Walk::new(&vault.log, &vault.data_key, vault.store(), vault.log.end);
            let mut rewrite = vault.rewrite((vault.hold)(data_key))?;
            walk.step(&vault.log, &vault.index, usize::MAX >> 1, |op| match op {
                Op::Put { key, .. } if is_kept(key.table) => rewrite.push(op),
                _ => Ok(()),
            })?;
            vault.switch(rewrite, slots)
        })
    }

    /// Fails with `Busy` if a task walks through the log or writes the next one.
    pub(crate) fn idle(&self) -> Result<(), Error> {
        let idle = self.compacting.is_none()
            && Arc::strong_count(&self.walkers) == 1
            && Arc::strong_count(&self.writers) == 1;
        idle.then_some(()).ok_or(Error::Busy)
    }

    pub(crate) fn walker(&self) -> Arc<()> {
        Arc::clone(&self.walkers)
    }

    pub(crate) fn writer(&self) -> Arc<()> {
        Arc::clone(&self.writers)
    }
}
