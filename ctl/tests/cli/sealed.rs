//! Real backups, written by the vault itself, and their defects.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use openclaw_vault::{Batch, Folder, Key, Key32, Reader, Secret, Table, Vault, on_heap};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::script::{base64, moment};

/// The description of a backup.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Recipe {
    /// The number of records in the store.
    pub(crate) records: u32,
    /// The secret to encrypt the backup with.
    pub(crate) passphrase: Option<String>,
    pub(crate) key: Option<String>,
    /// Keep only this many bytes; from the end if negative.
    pub(crate) keep: Option<i64>,
    /// Flip a bit of this byte.
    pub(crate) flip: Option<usize>,
    /// Append this text.
    pub(crate) surplus: String,
    /// Write this text instead.
    pub(crate) text: Option<String>,
    /// Write this many zeros instead.
    pub(crate) zeros: usize,
    /// For an agent: do not send the end.
    pub(crate) endless: bool,
}

impl Recipe {
    /// The bytes, encrypted with `secret` or with the recipe's own.
    pub(crate) fn bytes(&self, secret: Option<&Secret>) -> Vec<u8> {
        if let Some(text) = &self.text {
            return text.clone().into_bytes();
        }
        if self.zeros > 0 {
            return vec![0; self.zeros];
        }
        let own = self.secret();
        let mut bytes = whole(self.records, secret.unwrap_or(&own));
        if let Some(at) = self.flip {
            bytes[at] ^= 1;
        }
        if let Some(keep) = self.keep {
            let length = i64::try_from(bytes.len()).unwrap();
            let keep = if keep < 0 { length + keep } else { keep };
            bytes.truncate(usize::try_from(keep).unwrap());
        }
        bytes.extend(self.surplus.as_bytes());
        bytes
    }

    fn secret(&self) -> Secret {
        match (&self.passphrase, &self.key) {
            (_, Some(key)) => Secret::parse_key(key).unwrap(),
            (Some(words), None) => Secret::parse_passphrase(words).unwrap(),
            (None, None) => Secret::parse_passphrase("some fine words").unwrap(),
        }
    }

    /// The stream of an agent's backup.
    pub(crate) fn steps(&self, secret: &Secret) -> Vec<Value> {
        let bytes = self.bytes(Some(secret));
        let start = json!({"start": {"records": self.records, "estimated_size_bytes": bytes.len(), "generation": 1}});
        let chunks = bytes
            .chunks(3000)
            .map(|chunk| json!({"chunk": base64(chunk)}));
        let mut steps: Vec<Value> = [start].into_iter().chain(chunks).collect();
        if !self.endless {
            steps.push(json!({"end": {"records": self.records, "size_bytes": bytes.len()}}));
        }
        steps
    }
}

/// The time of every backup here.
pub(crate) fn made() -> prost_types::Timestamp {
    static MADE: LazyLock<prost_types::Timestamp> = LazyLock::new(|| prost_types::Timestamp {
        nanos: 0,
        ..moment("-3d")
    });
    *MADE
}

/// The number of records in a complete backup.
pub(crate) fn records(bytes: &[u8], secret: &Secret) -> Result<u64, String> {
    let mut reader = Reader::open(bytes, secret).map_err(|error| error.to_string())?;
    while reader.next(|_| Ok(())).map_err(|error| error.to_string())? {}
    Ok(reader.changes())
}

fn whole(records: u32, secret: &Secret) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let own = Secret::Raw(Key32::random().unwrap());
    let now = u64::try_from(made().seconds).unwrap();
    let mut vault = Vault::create(Folder::new(dir.path()), &own, "main", now, on_heap).unwrap();
    let mut batch = Batch::new();
    for record in 0..records {
        batch.put(Key::new(Table(1), "", &record.to_le_bytes()), b"a value");
    }
    if records > 0 {
        vault.append(&batch).unwrap();
    }
    vault.sync().unwrap();
    let mut bytes = Vec::new();
    let mut backup = vault.backup(secret, now, &mut bytes).unwrap();
    while !vault.backup_step(&mut backup, 1 << 20, &mut bytes).unwrap() {}
    bytes
}

/// Writes the files of a case.
pub(crate) fn write(dir: &std::path::Path, files: &BTreeMap<String, Recipe>) {
    for (name, recipe) in files {
        let path = dir.join(name);
        std::fs::write(&path, recipe.bytes(None)).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
