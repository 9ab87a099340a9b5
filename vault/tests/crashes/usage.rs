//! Random use of an open store: every call of its API, in random order, until one fails.

use openclaw_vault::{Backup, Compaction, Disk as _, Error, Lsn, Reader, Restore, SyncJob};

use crate::disk::{SimDisk, SimFile};
use crate::model::{Change, Records, TABLES, key, random_name, read};
use crate::run::{Exists, Run, Slots, Store, is_of_the_disk, secret};

/// The maximum number of calls in one process.
const CALLS: u32 = 60;

/// A sync outside the lock that has not returned yet, and the number of steps that it makes durable.
struct Syncing {
    job: SyncJob<SimFile>,
    steps: usize,
}

#[derive(Default)]
struct Underway {
    compacting: bool,
    backup: Option<(Backup, Vec<u8>)>,
    restore: Option<(Restore<SimDisk>, Records)>,
    syncing: Option<Syncing>,
}

impl Run {
    /// Returns the open state of the process, unless an error ended it.
    pub(crate) fn use_until_it_fails(&mut self, mut store: Store) -> Option<Store> {
        let mut underway = Underway::default();
        for _ in 0..self.rng.u32(1..CALLS) {
            let done = match self.rng.u8(..200) {
                0 => return self.erase(store),
                1..=2 => return self.close(store),
                _ => self.call(&mut store, &mut underway),
            };
            if let Err(error) = done {
                assert!(is_of_the_disk(&error), "in use: {error:?}");
                assert!(self.disk.is_faulty(), "an error without a fault: {error:?}");
                self.is_broken_or_as_it_was(&mut store);
                return None;
            }
        }
        Some(store)
    }

    fn call(&mut self, store: &mut Store, underway: &mut Underway) -> Result<(), Error> {
        match self.rng.u8(..100) {
            0..=39 => self.write(store),
            40..=49 => self.look(store),
            50..=57 => {
                store.sync()?;
                self.timeline.all_durable();
                Ok(())
            }
            58..=65 => self.sync_aside(store, underway),
            66..=79 => self.compact(store, underway),
            80..=86 => self.back_up(store, underway),
            87..=91 => self.restore(store, underway),
            92..=97 => self.change_slots(store),
            _ => self.rotate(store, underway),
        }
    }

    fn write(&mut self, store: &mut Store) -> Result<(), Error> {
        let before = store.written();
        let changes: Vec<_> = (0..self.rng.usize(..5))
            .map(|_| Change::random(&mut self.rng))
            .collect();
        let batch = self.timeline.write(changes);
        let lsn = store.append(&batch)?;
        assert_eq!(lsn, Lsn(before.0 + u64::from(!batch.is_empty())));
        Ok(())
    }

    /// Compares random reads with the model.
    fn look(&mut self, store: &Store) -> Result<(), Error> {
        if self.rng.u8(..8) == 0 {
            assert!(
                read(store)? == *self.now(),
                "the store differs from the model"
            );
            return Ok(());
        }
        let name = random_name(&mut self.rng);
        let expected = self.now().get(&name);
        let found = store.load(key(&name))?;
        assert!(
            found.as_deref() == expected,
            "the value differs from the model"
        );
        assert_eq!(store.contains(key(&name)), expected.is_some());
        let in_scope = |other: &(u8, Vec<u8>, Vec<u8>)| (other.0, &other.1) == (name.0, &name.1);
        let there = self.now().keys().filter(|other| in_scope(other)).count();
        let table = openclaw_vault::Table(name.0);
        assert_eq!(store.contains_scope(table, &name.1), there > 0);
        let mut shown = 0;
        store.scan(table, Some(&name.1), |entry| {
            assert!(entry.scope == name.1);
            shown += 1;
        })?;
        assert_eq!(shown, there);
        let in_table = self.now().keys().filter(|other| other.0 == name.0).count();
        assert_eq!(store.count(table), in_table);
        Ok(())
    }

    fn sync_aside(&mut self, store: &mut Store, underway: &mut Underway) -> Result<(), Error> {
        match underway.syncing.take() {
            None => {
                let steps = self.timeline.steps();
                underway.syncing = store.unsynced().map(|job| Syncing { job, steps });
                Ok(())
            }
            Some(Syncing { job, steps }) => {
                let result = job.run();
                let durable = result.is_ok();
                store.synced(&job, result)?;
                if durable {
                    assert!(store.durable() >= job.upto);
                    self.timeline.durable_up_to(steps);
                }
                Ok(())
            }
        }
    }

    fn compact(&mut self, store: &mut Store, underway: &mut Underway) -> Result<(), Error> {
        if !underway.compacting {
            match store.begin_compaction() {
                Err(Error::Busy) if underway.restore.is_some() => return Ok(()),
                begun => begun?,
            }
            underway.compacting = true;
        }
        let budget = [1, 500, 5_000, 1 << 20][self.rng.usize(..4)];
        match store.compact(budget)? {
            Compaction::Done => {
                underway.compacting = false;
                self.timeline.all_durable();
                assert_eq!(store.durable(), store.written());
            }
            Compaction::Held => assert!(underway.backup.is_some(), "held without a backup"),
            Compaction::Underway => {}
            Compaction::Idle => panic!("a compaction in progress has disappeared"),
        }
        Ok(())
    }

    fn back_up(&mut self, store: &mut Store, underway: &mut Underway) -> Result<(), Error> {
        let words = secret([7; 32]);
        let (mut backup, mut bytes) = match underway.backup.take() {
            Some(backup) => backup,
            None => {
                let mut bytes = Vec::new();
                (store.backup(&words, 0, &mut bytes)?, bytes)
            }
        };
        let budget = [1, 2_000, 1 << 20][self.rng.usize(..3)];
        if !store.backup_step(&mut backup, budget, &mut bytes)? {
            underway.backup = (self.rng.u8(..8) > 0).then_some((backup, bytes));
            return Ok(());
        }
        self.disk.note_backup(&bytes);
        let mut records = Records::new();
        let mut reader = Reader::open(&*bytes, &words)?;
        while reader.next(|op| {
            Change::from(op).apply(&mut records);
            Ok(())
        })? {}
        assert!(records == *self.now(), "the backup differs from the model");
        assert_eq!(reader.origin().store, store.summary().store);
        Ok(())
    }

    fn restore(&mut self, store: &mut Store, underway: &mut Underway) -> Result<(), Error> {
        let Some((mut restore, mut records)) = underway.restore.take() else {
            return match store.restore() {
                Err(Error::Busy) if underway.compacting || underway.backup.is_some() => Ok(()),
                restore => {
                    underway.restore = Some((restore?, Records::new()));
                    Ok(())
                }
            };
        };
        for _ in 0..self.rng.usize(..30) {
            let change = Change::random(&mut self.rng);
            restore.push(change.op())?;
            change.apply(&mut records);
        }
        match self.rng.u8(..4) {
            // Dropped before it is finished.
            0 => {}
            1 if underway.backup.is_none() => {
                self.timeline.replace(records);
                store.finish_restore(restore)?;
                self.timeline.all_durable();
            }
            _ => underway.restore = Some((restore, records)),
        }
        Ok(())
    }

    fn slots_now(&self) -> Slots {
        assert_eq!(self.slots.len(), 1, "the slots of an open store are known");
        self.slots[0].clone()
    }

    fn change_slots(&mut self, store: &mut Store) -> Result<(), Error> {
        let mut slots = self.slots_now();
        let new = self.random_key();
        let at = self.rng.usize(..slots.len());
        let name = slots[at].0.clone();
        match self.rng.u8(..3) {
            0 if slots.len() < 4 => {
                let name = format!("slot-{}", self.rng.u16(..));
                if slots.iter().any(|slot| slot.0 == name) {
                    return Ok(());
                }
                slots.push((name.clone(), new));
                self.slots.push(slots);
                store.add_slot(&name, &secret(new), 0)?;
            }
            1 if slots.len() > 1 => {
                slots.remove(at);
                self.slots.push(slots);
                store.remove_slot(&name)?;
            }
            _ => {
                slots[at].1 = new;
                self.slots.push(slots);
                store.change_slot(&name, &secret(new), 0)?;
            }
        }
        self.slots.remove(0);
        Ok(())
    }

    fn rotate(&mut self, store: &mut Store, underway: &mut Underway) -> Result<(), Error> {
        let mut slots = self.slots_now();
        if self.rng.bool() {
            slots = vec![("turned".to_owned(), self.random_key())];
        }
        let secrets: Vec<_> = slots.iter().map(|(_, key)| secret(*key)).collect();
        let named: Vec<_> = slots
            .iter()
            .zip(&secrets)
            .map(|((name, _), secret)| (name.as_str(), secret))
            .collect();
        let busy = underway.compacting || underway.backup.is_some() || underway.restore.is_some();
        self.slots.push(slots.clone());
        match store.rotate(&named, 0) {
            Err(Error::Busy) => {
                assert!(busy, "busy although nothing is in progress");
                self.slots.pop();
                return Ok(());
            }
            rotated => rotated?,
        }
        self.slots.remove(0);
        self.timeline.all_durable();
        Ok(())
    }

    /// After an error the store refuses writes, unless only a read failed.
    fn is_broken_or_as_it_was(&mut self, store: &mut Store) {
        if self.rng.bool() {
            let written = store.written();
            let batch = self.timeline.write(vec![Change::ClearTable(TABLES)]);
            if store.append(&batch).is_ok() {
                assert_eq!(store.written(), Lsn(written.0 + 1));
            }
        }
    }

    fn close(&mut self, store: Store) -> Option<Store> {
        match store.close() {
            Ok(()) => self.timeline.all_durable(),
            Err(error) => self.was_a_fault(&error),
        }
        None
    }

    fn erase(&mut self, store: Store) -> Option<Store> {
        self.exists = Exists::Perhaps;
        match store.erase() {
            Ok(disk) => {
                let names = disk.names();
                assert!(names.is_err() || names.is_ok_and(|names| names.is_empty()));
                self.exists = Exists::No;
            }
            Err(error) => self.was_a_fault(&error),
        }
        None
    }

    fn was_a_fault(&self, error: &Error) {
        assert!(is_of_the_disk(error), "at the end: {error:?}");
        assert!(self.disk.is_faulty(), "an error without a fault: {error:?}");
    }
}
