//! The live log rewritten while the store is in use, and how any rewritten log becomes the live one.

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

/// A log is rewritten once it is this many times as long as what is live in it, and this much longer.
const SLACK_FACTOR: u64 = 2;
const SLACK_BYTES: u64 = 1 << 20;
/// Or once it holds this many epochs.
const MAX_EPOCHS: usize = 64;
/// What a rewritten log gathers before it is worth making durable on the way.
const SYNC_EVERY_BYTES: u64 = 1 << 20;

/// How far a compaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// None is called for.
    Idle,
    /// It continues with the next step.
    Underway,
    /// It is done but for the end, which waits until no one reads the old log any more.
    Held,
    /// It is done.
    Done,
}

/// Compaction under way.
pub(super) struct Compacting<F> {
    walk: Walk,
    rewrite: Rewrite<F>,
}

impl<D: Disk> Vault<D> {
    /// Continues with a compaction for about `budget` bytes of the old log, or begins one that is called for.
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
                // Half a frame may be missing from it.
                vault.compacting = None;
            }
            step
        })
    }

    /// Begins a compaction whether it is called for or not; [`Vault::compact`] continues with it.
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
        let arrived = walk.step(&self.log, &self.index, budget, |op| rewrite.push(op))?;
        if !arrived {
            return Ok(Compaction::Underway);
        }
        // A backup that reads the old log lets it stay until it is through.
        if Arc::strong_count(&self.walkers) > 1 {
            return Ok(Compaction::Held);
        }
        if let Some(Compacting { rewrite, .. }) = self.compacting.take() {
            let slots = self.header().slots.clone();
            self.switch(rewrite, slots)?;
        }
        Ok(Compaction::Done)
    }

    /// A part of the log in the making that is worth making durable on the way, outside of any lock.
    pub fn compaction_job(&mut self) -> Option<Arc<D::File>> {
        let log = &mut self.compacting.as_mut()?.rewrite.log;
        let due = log.end - log.durable >= SYNC_EVERY_BYTES;
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
        let due = dead > SLACK_BYTES || self.log.epochs() > MAX_EPOCHS;
        due && Arc::strong_count(&self.writers) == 1
    }

    /// Begins the next log, which becomes the live one in [`Vault::switch`].
    pub(crate) fn rewrite(&self, data_key: DataKey) -> Result<Rewrite<D::File>, Error> {
        // Names are made and removed from here on.
        self.headers.in_place(&self.disk)?;
        // What an earlier attempt left goes, and its number is not used again: two logs of one number would pass for
        // one another.
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

    /// Makes a rewritten log the live one. All that was written is durable afterwards.
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
        // A log that cannot be removed now is removed at the next start.
        let _ = self.disk.remove(&log::name(old.number));
        Ok(())
    }

    /// Removes the records of these tables, by a new log without them. A compaction or a backup under way ends there.
    pub fn clear(&mut self, tables: &[Table]) -> Result<(), Error> {
        self.replace(tables, [])
    }

    /// Puts other records in the place of those of these tables: one write of the header makes the new log, which has
    /// the new ones and not the old ones, the live one. A compaction or a backup under way ends there.
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

    /// Copies the live log under another data key, in one go.
    pub(crate) fn rekey(&mut self, data_key: Key32, slots: Vec<Slot>) -> Result<(), Error> {
        self.idle()?;
        self.copy(data_key, slots, |_| true)
    }

    /// Copies what is live of some tables under another data key. A compaction or a backup under way ends there.
    pub(crate) fn copy(
        &mut self,
        data_key: Key32,
        slots: Vec<Slot>,
        lives_on: impl Fn(Table) -> bool,
    ) -> Result<(), Error> {
        self.guard(|vault| {
            vault.compacting = None;
            let mut walk = Walk::new(&vault.log, &vault.data_key, vault.store(), vault.log.end);
            let mut rewrite = vault.rewrite((vault.hold)(data_key))?;
            walk.step(&vault.log, &vault.index, usize::MAX >> 1, |op| match op {
                Op::Put { key, .. } if lives_on(key.table) => rewrite.push(op),
                _ => Ok(()),
            })?;
            vault.switch(rewrite, slots)
        })
    }

    /// No one walks along the log or writes the next one.
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
