//! A Python reader, written from `docs/vault-format.md` alone, reads what the vault writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use openclaw_vault::{Batch, Compaction, Folder, Key, Key32, Secret, Table, Vault, on_heap};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const KEY: [u8; 32] = *b"a key of thirty-two bytes, for a";
const WORDS: &str = "correct horse battery stäple";

fn key() -> Secret {
    Secret::Raw(Key32::take(&mut { KEY }))
}

fn words() -> Secret {
    Secret::parse_passphrase(WORDS).unwrap()
}

/// The expected output of the reader.
fn expected(vault: &Vault<Folder>, commits: u64, behind: usize, backup: bool) -> String {
    let mut records = Vec::new();
    for table in 0..=255 {
        let each = |entry: openclaw_vault::Entry| {
            records.push((table, entry.scope, entry.id, entry.value.to_vec()));
        };
        vault.scan(Table(table), None, each).unwrap();
    }
    records.sort();
    let mut hash = Sha256::new();
    for (table, scope, id, value) in &records {
        hash.update([*table]);
        for part in [scope, id, value] {
            hash.update(u32::try_from(part.len()).unwrap().to_le_bytes());
            hash.update(part);
        }
    }
    let hash: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let summary = vault.summary();
    let generation = if backup {
        0
    } else {
        summary.epochs.last().unwrap().generation
    };
    format!(
        "{{\"records\": {}, \"sha256\": \"{hash}\", \"store\": \"{}\", \"generation\": {generation}, \
         \"commits\": {commits}, \"behind\": {behind}}}\n",
        records.len(),
        summary.store
    )
}

fn read(what: &str, path: &Path, how: &str, secret: &str) -> String {
    let python = std::env::var("VAULT_READER_PYTHON").unwrap();
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader.py");
    let mut reading = Command::new(python);
    let output = reading.args([reader, what]).arg(path).args([how, secret]);
    let output = output.output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn hex() -> String {
    KEY.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fill(vault: &mut Vault<Folder>, batches: u32) {
    for number in 0..batches {
        let (scope, id) = ((number % 13).to_le_bytes(), (number % 400).to_le_bytes());
        let table = Table(u8::try_from(number % 3).unwrap());
        let mut batch = Batch::new();
        let value = id.repeat(usize::try_from(number % 300).unwrap());
        batch.put(Key::new(table, &scope, &id), &value);
        match number % 50 {
            7 => batch.delete(Key::new(table, &scope, &(number % 91).to_le_bytes())),
            8 => batch.clear_scope(table, &5_u32.to_le_bytes()),
            9 if number < 60 => batch.clear_table(Table(2)),
            _ => {}
        }
        vault.append(&batch).unwrap();
    }
}

#[test]
#[ignore = "needs Python and its `cryptography`: run by scripts/with-python"]
fn a_reader_written_from_the_documentation_reads_a_store() {
    let dir = TempDir::new().unwrap();
    let folder = || Folder::new(dir.path());
    let mut vault = Vault::create(folder(), &key(), "default", 1_700_000_000, on_heap).unwrap();
    fill(&mut vault, 900);
    vault.sync().unwrap();
    assert_eq!(
        read("vault", dir.path(), "key", &hex()),
        expected(&vault, 900, 0, false)
    );

    vault.begin_compaction().unwrap();
    while vault.compact(64 << 10).unwrap() != Compaction::Done {
        fill(&mut vault, 10);
    }
    let commits = vault.written().0;
    assert_eq!(
        read("vault", dir.path(), "key", &hex()),
        expected(&vault, commits, 0, false)
    );

    vault
        .rotate(&[("words", &words()), ("key", &key())], 1_700_000_000)
        .unwrap();
    vault.close().unwrap();
    let (mut vault, _) = Vault::open(folder(), &words(), on_heap).unwrap();
    fill(&mut vault, 3);
    let log = dir.path().join("vault-3.log");
    let torn = [
        std::fs::read(&log).unwrap(),
        vec![2, 9, 0, 0, 0, 4, 0, 0, 0, 1],
    ]
    .concat();
    std::fs::write(&log, torn).unwrap();
    assert_eq!(
        read("vault", dir.path(), "passphrase", WORDS),
        expected(&vault, 3, 10, false)
    );

    let mut bytes = Vec::new();
    let mut backup = vault.backup(&words(), 1_700_000_000, &mut bytes).unwrap();
    while !vault.backup_step(&mut backup, 1 << 20, &mut bytes).unwrap() {}
    let file = dir.path().join("backup");
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(
        read("backup", &file, "passphrase", WORDS),
        expected(&vault, 0, 0, true)
    );
}
