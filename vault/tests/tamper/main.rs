//! What an attacker with the directory but no key can do: nothing that the store does not detect, except for
//! truncating the part of the log that the header does not cover.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod header;
mod log;
mod memory;

use memory::Memory;
use openclaw_vault::{Batch, Error, Key, Key32, Secret, Table, Vault, on_heap};

const TABLE: Table = Table(1);
const HEADER: usize = 4096;

type Store = Vault<Memory>;

fn secret(byte: u8) -> Secret {
    let mut key = [byte; 32];
    key[0] = 0xa5;
    Secret::Raw(Key32::take(&mut key))
}

fn open(disk: &Memory, secret: &Secret) -> Result<Store, Error> {
    Vault::open(disk.copy(), secret, on_heap).map(|(store, _)| store)
}

fn put(store: &mut Store, number: u32) {
    let mut batch = Batch::new();
    let value = number.to_le_bytes().repeat(5);
    batch.put(Key::new(TABLE, "", &number.to_le_bytes()), &value);
    store.append(&batch).unwrap();
    store.sync().unwrap();
}

/// The number of records, if they are exactly 0, 1, 2… without gaps; otherwise `None`.
fn prefix(store: &Store) -> Option<u32> {
    let mut found = 0;
    let mut genuine = true;
    let each = |entry: openclaw_vault::Entry| {
        genuine &= entry.id == u32::to_le_bytes(found);
        genuine &= *entry.value == u32::to_le_bytes(found).repeat(5);
        found += 1;
    };
    store.scan(TABLE, None, each).ok()?;
    genuine.then_some(found)
}

/// The batches in the test store, from three openings.
const BATCHES: u32 = 12;

fn filled() -> (Memory, Store) {
    let disk = Memory::default();
    let mut store = Vault::create(disk.clone(), &secret(1), "default", 0, on_heap).unwrap();
    for number in 0..BATCHES {
        if number % 4 == 3 {
            drop(store);
            store = Vault::open(disk.clone(), &secret(1), on_heap).unwrap().0;
        }
        put(&mut store, number);
    }
    (disk, store)
}

/// A store after a clean shutdown: the header covers the whole log.
fn closed() -> Memory {
    let (disk, store) = filled();
    store.close().unwrap();
    disk
}

/// A store whose process was killed with everything durable.
fn crashed() -> Memory {
    filled().0
}

/// The frames of a log, or of a backup after its header.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some(length) = rest.get(1..5) {
        let length = u32::from_le_bytes(*length.first_chunk().unwrap());
        let (frame, after) = rest.split_at(9 + usize::try_from(length).unwrap() + 16);
        frames.push(frame.to_vec());
        rest = after;
    }
    assert!(rest.is_empty());
    frames
}

/// Every way to swap two frames, to repeat one elsewhere, and to leave one out.
fn rearranged(frames: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for one in 0..frames.len() {
        let mut dropped = frames.to_vec();
        dropped.remove(one);
        all.push(dropped);
        for other in 0..=frames.len() {
            let mut repeated = frames.to_vec();
            repeated.insert(other, frames[one].clone());
            all.push(repeated);
            if other < one {
                let mut swapped = frames.to_vec();
                swapped.swap(one, other);
                all.push(swapped);
            }
        }
    }
    all.retain(|changed| changed != frames);
    all
}

/// Copies with one byte changed, at every position: one bit of it, and all bits.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).flat_map(|at| {
        [1 << (at % 8), 0xff].map(|mask: u8| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= mask;
            (at, flipped)
        })
    })
}
