//! A random history of a store on a simulated disk: it is created, used, killed and reopened many times, and checked
//! each time.

use fastrand::Rng;
use openclaw_vault::{Error, Key32, Secret, Vault, on_heap, presence};

use crate::disk::{Fault, SimDisk};
use crate::model::{Records, Timeline, read};

/// The number of crashes in a history.
const CRASHES: u32 = 16;

pub(crate) type Store = Vault<SimDisk>;
/// The names and keys of slots.
pub(crate) type Slots = Vec<(String, [u8; 32])>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exists {
    No,
    Perhaps,
    Yes,
}

pub(crate) struct Run {
    pub(crate) rng: Rng,
    pub(crate) disk: SimDisk,
    pub(crate) exists: Exists,
    /// The possible slots: from before or after a change that a crash interrupted.
    pub(crate) slots: Vec<Slots>,
    pub(crate) timeline: Timeline,
    /// The random id of the timeline's epoch.
    epoch: Option<u64>,
    generation: u64,
    pub(crate) crashes: u32,
    /// True if syncs of this disk fail often.
    unreliable: bool,
}

pub(crate) fn secret(mut bytes: [u8; 32]) -> Secret {
    Secret::Raw(Key32::take(&mut bytes))
}

/// True for errors that the simulated disk causes.
pub(crate) fn is_of_the_disk(error: &Error) -> bool {
    matches!(
        error,
        Error::Read(_) | Error::Write(_) | Error::Sync(_) | Error::Folder(_) | Error::Open { .. }
    )
}

impl Run {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            disk: SimDisk::new(rng.u64(..)),
            unreliable: rng.u8(..3) == 0,
            rng,
            exists: Exists::No,
            slots: Vec::new(),
            timeline: Timeline::default(),
            epoch: None,
            generation: 0,
            crashes: 0,
        }
    }

    /// Runs the history. Returns the number of crashes.
    pub(crate) fn live(mut self) -> u32 {
        while self.crashes < CRASHES {
            let store = self.start();
            self.arm();
            let held = self.use_until_it_fails(store);
            // Half of the time the process ends without an error, with unsynced writes.
            drop(held);
            self.crash();
        }
        self.disk.free_space();
        drop(self.start());
        self.crashes
    }

    pub(crate) fn random_key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        self.rng.fill(&mut key);
        key
    }

    fn arm(&mut self) {
        let fault = match self.rng.u8(..10) {
            0..=3 => Fault::Stop,
            4..=6 if self.unreliable => Fault::SyncFails,
            4 => Fault::Stop,
            5 => Fault::Io,
            6 => Fault::Full,
            7 => Fault::SyncFails,
            _ => return,
        };
        let furthest = [4, 16, 64, 256][self.rng.usize(..if self.unreliable { 2 } else { 4 })];
        let after = self.rng.u32(..furthest);
        self.disk.arm(after, fault);
    }

    fn crash(&mut self) {
        self.crashes += 1;
        if self.rng.u8(..6) < if self.unreliable { 3 } else { 2 } {
            self.disk.kill();
        } else {
            self.disk.cut_power();
        }
        if self.rng.u8(..4) != 0 {
            self.disk.free_space();
        }
    }

    /// Opens or creates the store, through any number of crashes.
    fn start(&mut self) -> Store {
        loop {
            if self.rng.u8(..3) == 0 {
                self.arm();
            }
            let started = match presence(&self.disk) {
                Err(error) => Err(error),
                Ok(Some(_)) => {
                    assert_ne!(self.exists, Exists::No, "an erased store is back");
                    self.open()
                }
                Ok(None) => {
                    assert_ne!(self.exists, Exists::Yes, "the store has disappeared");
                    self.create()
                }
            };
            match started {
                Ok(store) => {
                    self.disk.disarm();
                    return store;
                }
                Err(error) => {
                    assert!(is_of_the_disk(&error), "start: {error:?}");
                    assert!(self.disk.is_faulty(), "an error without a fault: {error:?}");
                    self.crash();
                }
            }
        }
    }

    fn create(&mut self) -> Result<Store, Error> {
        let key = self.random_key();
        self.slots = vec![vec![("first".to_owned(), key)]];
        self.exists = Exists::Perhaps;
        self.timeline = Timeline::default();
        (self.epoch, self.generation) = (None, 0);
        let store = Vault::create(self.disk.clone(), &secret(key), "first", 0, on_heap)?;
        self.exists = Exists::Yes;
        self.note_epoch(&store);
        Ok(store)
    }

    fn open(&mut self) -> Result<Store, Error> {
        let stranger = self.random_key();
        let refused = Vault::open(self.disk.clone(), &secret(stranger), on_heap).map(|_| ());
        match refused {
            Err(Error::WrongKey { .. }) => {}
            Err(error) => return Err(error),
            Ok(()) => panic!("it opened with an unknown key"),
        }
        let mut keys: Vec<_> = self.slots.iter().flatten().map(|(_, key)| *key).collect();
        self.rng.shuffle(&mut keys);
        let mut refused = Vec::new();
        for key in keys {
            match Vault::open(self.disk.clone(), &secret(key), on_heap) {
                Ok((store, _)) => {
                    self.take_over(&store, key, &refused)?;
                    return Ok(store);
                }
                Err(Error::WrongKey { .. }) => refused.push(key),
                Err(error) => return Err(error),
            }
        }
        panic!(
            "none of its keys opens the store: {}",
            self.timeline.describe()
        );
    }

    /// Checks a store that was opened, and continues from its state.
    fn take_over(
        &mut self,
        store: &Store,
        key: [u8; 32],
        refused: &[[u8; 32]],
    ) -> Result<(), Error> {
        self.exists = Exists::Yes;
        let names: Vec<_> = store.slots().into_iter().map(|slot| slot.name).collect();
        self.slots.retain(|slots| {
            let named = slots.iter().map(|(name, _)| name).eq(&names);
            let opens = slots
                .iter()
                .all(|(name, key)| store.slot_of(&secret(*key)).as_ref() == Some(name));
            let refuses = slots.iter().any(|(_, opener)| refused.contains(opener));
            named && opens && !refuses
        });
        self.slots.truncate(1);
        assert!(
            !self.slots.is_empty(),
            "slots that were never there: {names:?}"
        );
        let records = read(store)?;
        let commits = self.commits(store);
        assert!(
            self.timeline.allows(&records, commits),
            "not a state of its history: {} records, {commits:?} commits, {}",
            records.len(),
            self.timeline.describe()
        );
        self.timeline = Timeline::starting_with(records);
        self.note_epoch(store);
        self.opens_again_the_same(store, key)
    }

    /// A copy of the directory opens to the same contents, independently of the original.
    fn opens_again_the_same(&self, store: &Store, key: [u8; 32]) -> Result<(), Error> {
        let copy = self.disk.copy();
        let (again, opened) = Vault::open(copy, &secret(key), on_heap)?;
        assert_eq!(opened.dropped, 0, "an opened log has no torn end");
        assert!(read(&again)? == self.timeline.now);
        assert_eq!(again.summary().store, store.summary().store);
        Ok(())
    }

    /// How many batches of the timeline's epoch the store reports.
    fn commits(&self, store: &Store) -> Option<u64> {
        let epoch = self.epoch?;
        let epochs = store.summary().epochs;
        let epoch = epochs.iter().find(|known| known.id == epoch)?;
        Some(epoch.commits)
    }

    fn note_epoch(&mut self, store: &Store) {
        let epochs = store.summary().epochs;
        let current = epochs.last().expect("there is always a current epoch");
        assert!(
            current.generation > self.generation,
            "a generation was used twice"
        );
        assert!(
            epochs
                .windows(2)
                .all(|pair| pair[0].generation < pair[1].generation),
            "the history is out of order"
        );
        self.epoch = Some(current.id);
        self.generation = current.generation;
    }

    /// The expected contents.
    pub(crate) fn now(&self) -> &Records {
        &self.timeline.now
    }
}
