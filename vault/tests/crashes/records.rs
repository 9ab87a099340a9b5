//! Numbered records, to check later whether they exist.

use openclaw_vault::{Batch, Key, Table};

use crate::run::Store;

pub(crate) fn fill(store: &mut Store, table: Table, records: u8) {
    for number in 0..records {
        let mut batch = Batch::new();
        batch.put(Key::new(table, "", &[number]), &[number; 100]);
        store.append(&batch).unwrap();
    }
}

/// Checks that these records exist, and no others.
pub(crate) fn has(store: &Store, table: Table, records: u8) {
    assert_eq!(store.count(table), usize::from(records));
    for number in 0..records {
        let value = store.load(Key::new(table, "", &[number])).unwrap();
        assert_eq!(value.unwrap().as_slice(), [number; 100]);
    }
}
