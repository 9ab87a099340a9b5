//! Replacement of some tables' records, on a simulated disk: after any crash all of the old records exist or all of
//! the new ones, never a mixture, and other tables are unchanged.

use fastrand::Rng;
use openclaw_vault::{Key, Table, Vault, on_heap};

use crate::disk::{Fault, SimDisk};
use crate::records::{fill, has};
use crate::run::{is_of_the_disk, secret};

const REPLACED: [Table; 2] = [Table(1), Table(2)];
const STAYS: Table = Table(9);
const KEY: [u8; 32] = *b"the key of a store with two ages";
/// More than a replacement takes, so that some complete.
const OPERATIONS: u32 = 30;

pub(crate) fn replace(seed: u64) -> u32 {
    let mut rng = Rng::with_seed(seed);
    let disk = SimDisk::new(rng.u64(..));
    let mut store = Vault::create(disk.clone(), &secret(KEY), "main", 0, on_heap).unwrap();
    let (old, new, staying) = (rng.u8(1..60), rng.u8(1..60), rng.u8(1..60));
    for table in REPLACED {
        fill(&mut store, table, old);
    }
    fill(&mut store, STAYS, staying);
    store.sync().unwrap();
    let values: Vec<[u8; 1]> = (0..new).map(|number| [number]).collect();
    let records = values
        .iter()
        .map(|id| (Key::new(REPLACED[0], "new", id), id.as_slice()));
    let faults = [Fault::Stop, Fault::Io, Fault::Full, Fault::SyncFails];
    disk.arm(rng.u32(..OPERATIONS), faults[rng.usize(..faults.len())]);
    let ended = store.replace(&REPLACED, records);
    if let Err(error) = &ended {
        assert!(is_of_the_disk(error) && disk.is_faulty(), "{error:?}");
    }
    drop(store);
    if rng.bool() {
        disk.kill();
    } else {
        disk.cut_power();
    }
    disk.free_space();
    let (store, _) = Vault::open(disk, &secret(KEY), on_heap).unwrap();
    has(&store, STAYS, staying);
    if store.contains(Key::new(REPLACED[0], "new", &[0])) {
        let count = REPLACED.map(|table| store.count(table));
        assert_eq!(count, [usize::from(new), 0]);
        for id in &values {
            let value = store.load(Key::new(REPLACED[0], "new", id)).unwrap();
            assert_eq!(value.unwrap().as_slice(), id);
        }
    } else {
        assert!(ended.is_err(), "a completed replacement was undone");
        for table in REPLACED {
            has(&store, table, old);
        }
    }
    1
}
