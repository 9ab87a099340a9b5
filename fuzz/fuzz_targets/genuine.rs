//! An authentic store to corrupt, created once per process.

use std::sync::OnceLock;

use openclaw_vault::{Batch, Entry, Key, Key32, Secret, Table, Vault, on_heap, presence};

use crate::edit::edit;
use crate::memory::Memory;

pub const BATCHES: u32 = 9;
const TABLE: Table = Table(1);

pub fn secret() -> Secret {
    Secret::Raw(Key32::take(&mut { *b"thirty-two bytes, which are them" }))
}

/// A directory in which a store was opened three times and then killed.
pub fn folder() -> &'static Memory {
    static FOLDER: OnceLock<Memory> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let disk = Memory::default();
        let mut store = Vault::create(disk.clone(), &secret(), "default", 0, on_heap).unwrap();
        for number in 0..BATCHES {
            if number % 3 == 2 {
                drop(store);
                store = Vault::open(disk.clone(), &secret(), on_heap).unwrap().0;
            }
            let mut batch = Batch::new();
            batch.put(
                Key::new(TABLE, "", &number.to_le_bytes()),
                &number.to_le_bytes(),
            );
            store.append(&batch).unwrap();
            store.sync().unwrap();
        }
        disk
    })
}

/// A backup of the store.
pub fn backup() -> &'static [u8] {
    static BACKUP: OnceLock<Vec<u8>> = OnceLock::new();
    BACKUP.get_or_init(|| {
        let (store, _) = Vault::open(folder().copy(), &secret(), on_heap).unwrap();
        let mut bytes = Vec::new();
        let mut backup = store.backup(&secret(), 0, &mut bytes).unwrap();
        while !store.backup_step(&mut backup, 1, &mut bytes).unwrap() {}
        bytes
    })
}

/// Opens the directory with the file `name` forged or corrupted, as the input specifies.
pub fn open_with(name: &str, input: &[u8]) {
    let Some((how, rest)) = input.split_first() else {
        return;
    };
    let bytes = if how % 2 == 0 {
        rest.to_vec()
    } else {
        edit(&folder().read(name), rest)
    };
    let disk = folder().with(name, bytes);
    let _ = presence(&disk.copy());
    open(disk);
}

/// Opens a directory: the result must be an error, or a store with a prefix of the written records.
pub fn open(disk: Memory) {
    let Ok((store, _)) = Vault::open(disk.clone(), &secret(), on_heap) else {
        return;
    };
    let mut found = 0_u32;
    let each = |entry: Entry| {
        assert_eq!(entry.id, found.to_le_bytes());
        assert_eq!(**entry.value, found.to_le_bytes());
        found += 1;
    };
    store.scan(TABLE, None, each).unwrap();
    assert_eq!(store.summary().records, found as usize);
    drop(store);
    // It can be opened again.
    assert!(Vault::open(disk, &secret(), on_heap).is_ok());
}
