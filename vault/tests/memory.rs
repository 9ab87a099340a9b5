//! The memory of an open store: one index entry for each record, whatever the record's size.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use openclaw_vault::{Batch, Folder, Key, Key32, Secret, Table, Vault, on_heap};
use tempfile::TempDir;

const RECORDS: u32 = 60_000;
/// The maximum memory for a record, in bytes.
const ALLOWED: u64 = 100;
/// Passes the directory to the measured process.
const DIR: &str = "VAULT_MEMORY_DIR";

fn secret() -> Secret {
    Secret::Raw(Key32::take(&mut { *b"thirty-two bytes, which are them" }))
}

/// Anonymous memory of this process, in bytes.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_record_takes_no_more_than_a_hundred_bytes() {
    let dir = TempDir::new().unwrap();
    let mut vault =
        Vault::create(Folder::new(dir.path()), &secret(), "default", 0, on_heap).unwrap();
    for first in (0..RECORDS).step_by(1_000) {
        let mut batch = Batch::new();
        for number in first..first + 1_000 {
            let scope = (number % 997).to_le_bytes();
            let key = Key::new(Table(1), &scope, "an id that is longer than an entry");
            let key = Key {
                id: &[key.id, &number.to_le_bytes()].concat(),
                ..key
            };
            batch.put(key, &number.to_le_bytes().repeat(25));
        }
        vault.append(&batch).unwrap();
    }
    vault.close().unwrap();
    // In a new process: this one has had an index already, so its freed memory would hide the growth.
    let mut other = Command::new(std::env::current_exe().unwrap());
    other.args([
        "--exact",
        "an_open_store_is_measured",
        "--ignored",
        "--nocapture",
    ]);
    let output = other.env(DIR, dir.path()).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let grown = output.split_once("grown by ").unwrap().1;
    let grown: u64 = grown.split_whitespace().next().unwrap().parse().unwrap();
    let each = grown / u64::from(RECORDS);
    assert!((20..=ALLOWED).contains(&each), "{each} bytes a record");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn an_open_store_is_measured() {
    let dir = std::env::var(DIR).unwrap();
    let before = anonymous();
    let (vault, _) = Vault::open(Folder::new(dir), &secret(), on_heap).unwrap();
    println!("grown by {} bytes", anonymous() - before);
    assert_eq!(vault.count(Table(1)), usize::try_from(RECORDS).unwrap());
}
