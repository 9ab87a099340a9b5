//! A store in a real directory: what is written survives every kind of shutdown.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::ffi::OsString;

use openclaw_vault::{
    Batch, Compaction, Error, Folder, Handover, Key, Key32, Op, Reader, Secret, Table, Vault,
    on_heap, presence,
};
use tempfile::TempDir;

const TABLE: Table = Table(1);

fn secret() -> Secret {
    Secret::Raw(Key32::random().unwrap())
}

fn folder(dir: &TempDir) -> Folder {
    Folder::new(dir.path())
}

fn create(dir: &TempDir, secret: &Secret) -> Vault<Folder> {
    Vault::create(folder(dir), secret, "default", 0, on_heap).unwrap()
}

fn open(dir: &TempDir, secret: &Secret) -> Vault<Folder> {
    Vault::open(folder(dir), secret, on_heap).unwrap().0
}

fn key(number: u32) -> ([u8; 1], [u8; 4]) {
    ([u8::try_from(number % 7).unwrap()], number.to_le_bytes())
}

fn put(vault: &mut Vault<Folder>, number: u32, value: &[u8]) {
    let (scope, id) = key(number);
    let mut batch = Batch::new();
    batch.put(Key::new(TABLE, &scope, &id), value);
    vault.append(&batch).unwrap();
}

fn load(vault: &Vault<Folder>, number: u32) -> Option<Vec<u8>> {
    let (scope, id) = key(number);
    vault
        .load(Key::new(TABLE, &scope, &id))
        .unwrap()
        .map(|value| value.to_vec())
}

fn fill(vault: &mut Vault<Folder>, values: u32) {
    for number in 0..values {
        put(vault, number, &number.to_le_bytes().repeat(100));
    }
    vault.sync().unwrap();
}

fn assert_filled(vault: &Vault<Folder>, values: u32) {
    for number in 0..values {
        assert_eq!(
            load(vault, number),
            Some(number.to_le_bytes().repeat(100)),
            "{number}"
        );
    }
}

#[test]
fn durable_records_outlive_a_crash_and_a_close() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    fill(&mut vault, 100);
    drop(vault);
    let vault = open(&dir, &secret);
    assert_filled(&vault, 100);
    vault.close().unwrap();
    let vault = open(&dir, &secret);
    assert_filled(&vault, 100);
    let summary = vault.summary();
    let generations: Vec<_> = summary
        .epochs
        .iter()
        .map(|epoch| (epoch.generation, epoch.commits))
        .collect();
    assert_eq!(generations, [(1, 100), (2, 0), (3, 0)]);
}

#[test]
fn only_its_secret_opens_it() {
    let (dir, right) = (TempDir::new().unwrap(), secret());
    drop(create(&dir, &right));
    let wrong = Vault::open(folder(&dir), &secret(), on_heap)
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(wrong, Error::WrongKey { .. }), "{wrong}");
    assert!(wrong.to_string().contains("default"));
    let again = Vault::create(folder(&dir), &right, "default", 0, on_heap).map(|_| ());
    assert!(matches!(again, Err(Error::Present)));
}

#[test]
fn compaction_keeps_live_records_and_concurrent_writes() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    while vault.summary().log_bytes < 4 << 20 {
        fill(&mut vault, 1_000);
    }
    let before = vault.summary();
    let (mut step, mut steps) = (Compaction::Underway, 0);
    while step == Compaction::Underway {
        step = vault.compact(64 << 10).unwrap();
        // Each step overwrites a record that was copied already, and deletes one.
        put(&mut vault, steps, b"changed");
        let (scope, id) = key(500 + steps);
        let mut batch = Batch::new();
        batch.delete(Key::new(TABLE, &scope, &id));
        vault.append(&batch).unwrap();
        steps += 1;
    }
    assert_eq!(step, Compaction::Done);
    let after = vault.summary();
    assert!(
        after.log_bytes < before.log_bytes / 4,
        "{before:?} {after:?}"
    );
    vault.sync().unwrap();
    drop(vault);
    let vault = open(&dir, &secret);
    for number in 0..1_000 {
        let expected = match number {
            number if number < steps => Some(b"changed".to_vec()),
            number if (500..500 + steps).contains(&number) => None,
            number => Some(number.to_le_bytes().repeat(100)),
        };
        assert_eq!(load(&vault, number), expected, "{number}");
    }
    assert_eq!(vault.summary().epochs[0].generation, 1);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn slots_are_added_removed_and_changed_and_the_data_key_is_rotated() {
    let (dir, first) = (TempDir::new().unwrap(), secret());
    let words = Secret::parse_passphrase("correct horse battery staple\n").unwrap();
    let third = secret();
    let mut vault = create(&dir, &first);
    fill(&mut vault, 10);
    assert!(matches!(
        vault.remove_slot("default"),
        Err(Error::LastSlot(_))
    ));
    vault.add_slot("words", &words, 0).unwrap();
    assert!(matches!(
        vault.add_slot("words", &first, 0),
        Err(Error::SlotExists(_))
    ));
    assert!(matches!(
        vault.add_slot("two words", &first, 0),
        Err(Error::BadName)
    ));
    drop(vault);
    let mut vault = open(&dir, &words);
    assert_eq!(vault.slot_of(&words).unwrap(), "words");
    vault.remove_slot("default").unwrap();
    drop(vault);
    assert!(matches!(
        Vault::open(folder(&dir), &first, on_heap),
        Err(Error::WrongKey { .. })
    ));
    let mut vault = open(&dir, &words);
    vault.change_slot("words", &third, 0).unwrap();
    vault.rotate(&[("third", &third)], 0).unwrap();
    assert_filled(&vault, 10);
    drop(vault);
    let vault = open(&dir, &third);
    assert_filled(&vault, 10);
    assert_eq!(
        presence(&folder(&dir)).unwrap().unwrap().slots,
        vault.slots()
    );
}

#[test]
fn a_backup_holds_everything_and_is_put_into_another_store() {
    let (dir, secret, words) = (
        TempDir::new().unwrap(),
        secret(),
        Secret::parse_passphrase("words").unwrap(),
    );
    let mut vault = create(&dir, &secret);
    fill(&mut vault, 2_000);
    fill(&mut vault, 2_000);
    let mut bytes = Vec::new();
    let mut backup = vault.backup(&words, 7, &mut bytes).unwrap();
    while !vault
        .backup_step(&mut backup, 64 << 10, &mut bytes)
        .unwrap()
    {
        put(&mut vault, 0, b"changed meanwhile");
    }
    drop(backup);

    let other = TempDir::new().unwrap();
    let mut restored = create(&other, &secret);
    let mut reader = Reader::open(&*bytes, &words).unwrap();
    assert_eq!(reader.origin().store, vault.summary().store);
    let mut restore = restored.restore().unwrap();
    while reader.next(|op| restore.push(op)).unwrap() {}
    restored.finish_restore(restore).unwrap();
    drop(restored);
    let restored = open(&other, &secret);
    assert_eq!(restored.count(TABLE), 2_000);
    assert_eq!(load(&restored, 0).unwrap(), b"changed meanwhile");
    assert_eq!(load(&restored, 1_999), load(&vault, 1_999));

    for length in [0, 1, 4095, 4096, 5000, bytes.len() - 1] {
        let whole = Reader::open(&bytes[..length], &words).and_then(|mut reader| {
            while reader.next(|_| Ok(()))? {}
            Ok(())
        });
        assert!(whole.is_err(), "cut at {length}");
    }
}

#[test]
fn a_handover_is_read_as_a_backup_and_marked_as_handover() {
    let secret = secret();
    let mut bytes = Vec::new();
    let mut handover = Handover::begin(&secret, 7, &mut bytes).unwrap();
    // Enough for more than one frame.
    for number in 0..2_000 {
        let (scope, id) = key(number);
        let key = Key::new(TABLE, &scope, &id);
        let value = &number.to_le_bytes().repeat(100);
        handover.push(Op::Put { key, value }, &mut bytes).unwrap();
    }
    handover.finish(&mut bytes).unwrap();
    let mut reader = Reader::open(&*bytes, &secret).unwrap();
    assert!(reader.origin().is_handover());
    assert_eq!(reader.origin().slot.created, 7);
    while reader.next(|_| Ok(())).unwrap() {}
    assert_eq!(reader.changes(), 2_000);

    let dir = TempDir::new().unwrap();
    let vault = create(&dir, &secret);
    let mut bytes = Vec::new();
    drop(vault.backup(&secret, 7, &mut bytes).unwrap());
    let reader = Reader::open(&*bytes, &secret).unwrap();
    assert!(!reader.origin().is_handover());
}

#[test]
fn no_compaction_begins_while_a_restore_is_under_way() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    while !vault.wants_compaction() {
        put(&mut vault, 0, &[7; 64 << 10]);
    }
    let mut restore = vault.restore().unwrap();
    assert_eq!(vault.compact(1 << 20).unwrap(), Compaction::Idle);
    assert!(!vault.wants_compaction());
    assert!(matches!(vault.begin_compaction(), Err(Error::Busy)));
    let key = Key::new(TABLE, "scope", "id");
    restore.push(Op::Put { key, value: b"new" }).unwrap();
    // A restore that is dropped leaves nothing that a compaction could use by mistake.
    drop(vault.restore().map(|_| ()).unwrap_err());
    vault.finish_restore(restore).unwrap();
    assert_eq!((vault.summary().records, load(&vault, 0)), (1, None));
}

#[test]
fn an_aborted_restore_leaves_no_file() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    fill(&mut vault, 10);
    let before = names(&dir);
    let mut restore = vault.restore().unwrap();
    let key = Key::new(TABLE, "scope", "id");
    restore.push(Op::Put { key, value: b"" }).unwrap();
    assert_ne!(names(&dir), before);
    drop(restore);
    assert_eq!(names(&dir), before);
    assert_eq!(vault.count(TABLE), 10);
}

fn names(dir: &TempDir) -> BTreeSet<OsString> {
    let names = std::fs::read_dir(dir.path()).unwrap();
    names.map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn changes_of_the_maximum_size_survive_compaction_and_backup() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    let value = vec![7; openclaw_vault::MAX_BODY_BYTES - 32];
    put(&mut vault, 1, b"small");
    put(&mut vault, 2, &value);
    put(&mut vault, 3, b"small");
    let mut batch = Batch::new();
    batch.put(
        Key::new(TABLE, "", ""),
        &vec![0; openclaw_vault::MAX_BODY_BYTES],
    );
    assert!(matches!(vault.append(&batch), Err(Error::TooLarge(_))));
    vault.begin_compaction().unwrap();
    while vault.compact(1 << 20).unwrap() != Compaction::Done {}
    let mut bytes = Vec::new();
    let mut backup = vault.backup(&secret, 0, &mut bytes).unwrap();
    while !vault.backup_step(&mut backup, 1 << 20, &mut bytes).unwrap() {}
    let mut reader = Reader::open(&*bytes, &secret).unwrap();
    while reader.next(|_| Ok(())).unwrap() {}
    assert_eq!(reader.changes(), 3);
    drop(vault);
    let vault = open(&dir, &secret);
    assert_eq!(load(&vault, 2).unwrap(), value);
}

#[test]
fn an_erased_store_is_gone_and_its_directory_can_be_reused() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    fill(&mut vault, 10);
    vault.erase().unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let vault = create(&dir, &secret);
    assert_eq!(vault.summary().records, 0);
}

#[test]
fn after_an_erasure_kept_records_open_with_the_new_secret_alone() {
    let (dir, before, after) = (TempDir::new().unwrap(), secret(), secret());
    let mut vault = create(&dir, &before);
    fill(&mut vault, 10);
    vault.add_slot("second", &secret(), 0).unwrap();
    let kept = Key::new(Table(9), "", "kept");
    let mut batch = Batch::new();
    batch.put(kept, b"value");
    batch.put(Key::new(Table(9), "", "removed"), b"value");
    vault.append(&batch).unwrap();
    batch.clear();
    batch.delete(Key::new(Table(9), "", "removed"));
    vault.append(&batch).unwrap();
    std::fs::write(dir.path().join("journal-1.seg"), b"noise").unwrap();
    let journal = std::fs::read_dir(dir.path()).unwrap().count();
    let held = std::fs::read(dir.path().join("vault.hdr")).unwrap();

    vault.erase_but(&[Table(9)], &after, "default", 0).unwrap();
    assert!(matches!(
        Vault::open(folder(&dir), &before, on_heap),
        Err(Error::WrongKey { .. })
    ));
    let vault = open(&dir, &after);
    assert_eq!(vault.summary().records, 1);
    assert_eq!(**vault.load(kept).unwrap().unwrap(), *b"value");
    assert_eq!(vault.slots().len(), 1);
    // The journal's file and the old log are gone.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), journal - 1);
    // Neither copy of the header has the old key, not even wrapped.
    let holds = std::fs::read(dir.path().join("vault.hdr")).unwrap();
    let slots = 61..61 + 158;
    for copy in [0, 4096] {
        let at = slots.start + copy..slots.end + copy;
        assert_ne!(holds[at.clone()], held[slots.clone()]);
        assert_ne!(holds[at], held[slots.start + 4096..slots.end + 4096]);
    }
}

#[test]
fn scans_show_a_scope_and_clearing_it_removes_it() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    fill(&mut vault, 70);
    let mut seen = 0;
    vault
        .scan(TABLE, Some(&[3]), |entry| {
            assert_eq!(entry.scope, [3]);
            seen += 1;
        })
        .unwrap();
    assert_eq!(seen, 10);
    let mut batch = Batch::new();
    batch.clear_scope(TABLE, &[3]);
    batch.push(Op::ClearTable { table: Table(9) });
    vault.append(&batch).unwrap();
    assert!(!vault.contains_scope(TABLE, &[3]));
    drop(vault);
    let vault = open(&dir, &secret);
    assert_eq!(
        (vault.count(TABLE), vault.contains_scope(TABLE, &[3])),
        (60, false)
    );
}

#[test]
fn a_restore_fails_if_the_store_was_cleared_meanwhile() {
    let (dir, secret) = (TempDir::new().unwrap(), secret());
    let mut vault = create(&dir, &secret);
    fill(&mut vault, 10);
    let mut restore = vault.restore().unwrap();
    let key = Key::new(TABLE, "scope", "id");
    restore.push(Op::Put { key, value: b"" }).unwrap();
    vault.clear(&[TABLE]).unwrap();
    assert_eq!(vault.count(TABLE), 0);
    assert!(matches!(vault.finish_restore(restore), Err(Error::Busy)));
    put(&mut vault, 1, b"written meanwhile");
    vault.sync().unwrap();
    drop(vault);
    let vault = open(&dir, &secret);
    assert_eq!(load(&vault, 1).unwrap(), b"written meanwhile");
    assert_eq!(vault.summary().records, 1);
}
