//! Random histories of a journal on a simulated disk: it is written, filed, expired, killed and reopened, and checked
//! in full each time.

use std::collections::BTreeMap;

use fastrand::Rng;
use openclaw_vault::{
    Batch, Error, Journal, JournalTables, Key, Retention, Table, Vault, on_heap, presence,
};

use crate::disk::{Fault, SimDisk};
use crate::run::{Store, is_of_the_disk, secret};

const TABLES: JournalTables = JournalTables {
    rows: Table(1),
    files: Table(2),
    state: Table(3),
};
/// A record that changes in the same batch as each event.
const COMPANION: Key<'static> = Key {
    table: Table(4),
    scope: b"",
    id: b"",
};
/// A record that is sometimes deleted.
const JUNK: Key<'static> = Key {
    table: Table(5),
    scope: b"",
    id: b"",
};
const KEY: [u8; 32] = *b"the key of a journal in its test";
const FIRST: u64 = 1_000;
const CRASHES: u32 = 12;
const FOREVER: Retention = Retention {
    bytes: u64::MAX,
    until: 0,
};

pub(crate) struct Life {
    rng: Rng,
    disk: SimDisk,
    /// Every event that may exist, by seq.
    written: BTreeMap<u64, Vec<u8>>,
    /// All events up to this seq are durable.
    durable: u64,
    /// Events from this seq on are not expired, except that those below `perhaps_expired` may be.
    retained: u64,
    perhaps_expired: u64,
    crashes: u32,
}

impl Life {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            disk: SimDisk::new(rng.u64(..)),
            rng,
            written: BTreeMap::new(),
            durable: FIRST - 1,
            retained: FIRST,
            perhaps_expired: FIRST,
            crashes: 0,
        }
    }

    /// Runs the history. Returns the number of crashes.
    pub(crate) fn live(mut self) -> u32 {
        while self.crashes < CRASHES {
            let (store, journal) = self.start();
            self.arm();
            self.use_until_it_fails(store, journal);
            self.crash();
        }
        self.disk.free_space();
        drop(self.start());
        self.crashes
    }

    fn arm(&mut self) {
        let fault = [
            Fault::Stop,
            Fault::Stop,
            Fault::Stop,
            Fault::Io,
            Fault::Full,
            Fault::SyncFails,
        ][self.rng.usize(..6)];
        let furthest = [8, 64, 256][self.rng.usize(..3)];
        let after = self.rng.u32(..furthest);
        self.disk.arm(after, fault);
    }

    fn crash(&mut self) {
        self.crashes += 1;
        if self.rng.bool() {
            self.disk.kill();
        } else {
            self.disk.cut_power();
        }
        self.disk.free_space();
    }

    fn start(&mut self) -> (Store, Journal) {
        loop {
            if self.rng.u8(..3) == 0 {
                self.arm();
            }
            match self.open() {
                Ok(opened) => {
                    self.disk.disarm();
                    return opened;
                }
                Err(error) => {
                    assert!(is_of_the_disk(&error), "start: {error:?}");
                    assert!(self.disk.is_faulty(), "an error without a fault: {error:?}");
                    self.crash();
                }
            }
        }
    }

    fn open(&mut self) -> Result<(Store, Journal), Error> {
        let mut store = match presence(&self.disk)? {
            Some(_) => Vault::open(self.disk.clone(), &secret(KEY), on_heap)?.0,
            None => {
                assert!(self.durable < FIRST, "the store has disappeared");
                Vault::create(self.disk.clone(), &secret(KEY), "first", 0, on_heap)?
            }
        };
        let journal = Journal::open(&mut store, TABLES, FIRST)?;
        self.check(&store, &journal)?;
        Ok((store, journal))
    }

    /// Checks that all durable events and their records exist, in order, and nothing that was not written.
    fn check(&mut self, store: &Store, journal: &Journal) -> Result<(), Error> {
        let (oldest, head) = (journal.oldest(), journal.head());
        assert!(head >= self.durable, "{head} of {}", self.durable);
        assert!(
            (self.retained..=self.perhaps_expired).contains(&oldest),
            "{oldest} is the oldest, not {}..={}",
            self.retained,
            self.perhaps_expired
        );
        let mut seq = oldest;
        while seq <= head {
            let most = 1 + self.rng.usize(..40);
            let page = journal.read(store, seq, head, most)?;
            if let Some(error) = page.damage {
                return Err(error);
            }
            assert_eq!(page.gap, None);
            assert!(!page.rows.is_empty() && page.rows.len() <= most);
            for row in page.rows {
                assert_eq!(row.seq, seq);
                assert_eq!(row.at, seq);
                assert!(
                    self.written
                        .get(&seq)
                        .is_some_and(|event| *event == *row.event),
                    "{seq}"
                );
                seq += 1;
            }
        }
        let companion = store.load(COMPANION)?;
        let companion = companion.map(|value| u64::from_le_bytes(*value.first_chunk().unwrap()));
        assert_eq!(
            companion.unwrap_or(FIRST - 1),
            head,
            "a batch is not atomic"
        );
        for _ in 0..20 {
            // The marks of expired events are known too.
            let seq = self.rng.u64(FIRST..=head.max(FIRST));
            assert_eq!(journal.knows(store, &[mark(seq)])?, seq <= head, "{seq}");
            let named = journal.find_by_id(store, half(mark(seq)))?;
            let named: Vec<u64> = named.into_iter().map(|row| row.seq).collect();
            // With a failing disk, events that cannot be read are left out.
            let found = named.contains(&seq) || self.disk.is_faulty();
            let retained = (oldest..=head).contains(&seq);
            assert!(
                if retained {
                    found
                } else {
                    !named.contains(&seq)
                },
                "{seq}"
            );
        }
        assert!(!journal.knows(store, &[mark(head + 1)])?);
        self.written.split_off(&(head + 1));
        self.retained = oldest;
        self.perhaps_expired = oldest;
        self.durable = head;
        Ok(())
    }

    fn use_until_it_fails(&mut self, mut store: Store, mut journal: Journal) {
        for _ in 0..self.rng.u32(..200) {
            if let Err(error) = self.step(&mut store, &mut journal) {
                let harmless = is_of_the_disk(&error) || matches!(error, Error::Broken);
                assert!(harmless, "{error:?}");
                assert!(self.disk.is_faulty(), "an error without a fault: {error:?}");
                return;
            }
        }
    }

    fn step(&mut self, store: &mut Store, journal: &mut Journal) -> Result<(), Error> {
        match self.rng.u8(..20) {
            0..=11 => self.push(store, journal)?,
            12..=14 => {
                store.sync()?;
                self.durable = journal.head();
            }
            15..=17 => {
                if let Some(sealing) = journal.filing(store)? {
                    let segment = sealing.seal(&store.disk().clone())?;
                    journal.filed(store, &segment)?;
                }
            }
            18 => self.expire(store, journal)?,
            _ if self.rng.bool() => {
                store.compact(64 << 10)?;
            }
            _ => {
                store.clear(&[JUNK.table])?;
                assert_eq!(store.count(JUNK.table), 0);
                self.durable = journal.head();
            }
        }
        Ok(())
    }

    fn push(&mut self, store: &mut Store, journal: &mut Journal) -> Result<(), Error> {
        let mut batch = Batch::new();
        for _ in 0..1 + self.rng.u8(..4) {
            let longest = [64, 4_000, 90_000][self.rng.usize(..3)];
            let mut event = vec![0; self.rng.usize(..longest)];
            self.rng.fill(&mut event);
            let seq = journal.head() + 1;
            assert!(seq > self.durable, "a seq was used twice");
            assert_eq!(journal.push(&mut batch, seq, mark(seq), &event), seq);
            self.written.insert(seq, event);
        }
        batch.put(JUNK, b"junk");
        batch.put(COMPANION, &journal.head().to_le_bytes());
        store.append(&batch).map(drop)
    }

    fn expire(&mut self, store: &mut Store, journal: &mut Journal) -> Result<(), Error> {
        let retention = match self.rng.u8(..3) {
            0 => FOREVER,
            1 => Retention {
                bytes: self.rng.u64(..1 << 20),
                ..FOREVER
            },
            _ => Retention {
                until: journal.head().saturating_sub(self.rng.u64(..200)),
                ..FOREVER
            },
        };
        // The deletion may become durable at any time from here on.
        self.perhaps_expired = journal.head() + 1;
        let expired = journal.expire(store, retention)?;
        self.perhaps_expired = journal.oldest();
        if expired.is_empty() {
            return Ok(());
        }
        store.sync()?;
        self.durable = journal.head();
        self.retained = journal.oldest();
        Journal::remove(store.disk(), &expired);
        Ok(())
    }
}

fn mark(seq: u64) -> u64 {
    seq.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1)
}

fn half(mark: u64) -> u32 {
    u32::try_from(mark >> 32).unwrap()
}
