//! Erasure of a store except for some tables, on a simulated disk: after any crash the store either has all its
//! records, or exactly the kept ones.

use fastrand::Rng;
use openclaw_vault::{Error, Table, Vault, on_heap};

use crate::disk::{Fault, SimDisk};
use crate::records::{fill, has};
use crate::run::{is_of_the_disk, secret};

const GOES: Table = Table(1);
const STAYS: Table = Table(9);
const BEFORE: [u8; 32] = *b"the key of a store before an end";
const AFTER: [u8; 32] = *b"the key of what outlives the end";
/// More than an erasure takes, so that some erasures complete.
const OPERATIONS: u32 = 30;

pub(crate) fn end(seed: u64) -> u32 {
    let mut rng = Rng::with_seed(seed);
    let disk = SimDisk::new(rng.u64(..));
    let slot = "main";
    let mut store = Vault::create(disk.clone(), &secret(BEFORE), slot, 0, on_heap).unwrap();
    let (going, staying) = (rng.u8(1..60), rng.u8(1..60));
    fill(&mut store, GOES, going);
    fill(&mut store, STAYS, staying);
    store.sync().unwrap();
    let faults = [Fault::Stop, Fault::Io, Fault::Full, Fault::SyncFails];
    disk.arm(rng.u32(..OPERATIONS), faults[rng.usize(..faults.len())]);
    let ended = store.erase_but(&[STAYS], &secret(AFTER), slot, 0);
    if let Err(error) = &ended {
        assert!(is_of_the_disk(error) && disk.is_faulty(), "{error:?}");
    }
    if rng.bool() {
        disk.kill();
    } else {
        disk.cut_power();
    }
    disk.free_space();
    let after = Vault::open(disk.clone(), &secret(AFTER), on_heap);
    let before = Vault::open(disk, &secret(BEFORE), on_heap);
    match (after, before) {
        (Ok((store, _)), Err(Error::WrongKey { .. })) => {
            assert_eq!(store.count(GOES), 0);
            assert_eq!(store.summary().records, usize::from(staying));
            has(&store, STAYS, staying);
        }
        (Err(Error::WrongKey { .. }), Ok((store, _))) => {
            assert!(ended.is_err(), "a completed erasure was undone");
            has(&store, GOES, going);
            has(&store, STAYS, staying);
        }
        (after, before) => panic!("{:?} and {:?}", after.err(), before.err()),
    }
    1
}
