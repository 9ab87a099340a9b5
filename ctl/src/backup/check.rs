//! Verifies a backup: decrypts every frame, and counts the records. Contacts no agent, and shows nothing of the
//! content.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;
use openclaw_vault::{Error, Key, Op, Reader, Secret};
use prost_types::Timestamp;
use serde::Serialize;

use crate::failure::Failure;
use crate::render::size::{count, size};
use crate::render::time::ago;
use crate::text;

/// The description of a verified backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole {
    /// The id of its store, in hexadecimal.
    pub(crate) store: String,
    /// The store's generation: how often it was opened.
    pub(crate) generation: u64,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// The number of records.
    pub(crate) records: u64,
    /// Its size in bytes.
    pub(crate) bytes: u64,
}

/// The JSON form.
#[derive(Serialize)]
pub(crate) struct Json {
    store_id: String,
    generation: u64,
    created_at: String,
    records: u64,
    bytes: u64,
}

/// The progress of a check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    /// Bytes read.
    pub(crate) bytes: u64,
    /// Changes read.
    pub(crate) changes: u64,
}

/// Reads `input` to its end.
pub(crate) fn check(
    input: impl Read,
    secret: &Secret,
    mut reached: impl FnMut(Reached),
) -> Result<Whole, Error> {
    let mut reader = Reader::open(input, secret)?;
    let mut records = Records::default();
    while reader.next(|op| {
        records.follow(op);
        Ok(())
    })? {
        reached(Reached {
            bytes: reader.at(),
            changes: reader.changes(),
        });
    }
    let origin = reader.origin();
    Ok(Whole {
        store: HEXLOWER.encode(&origin.store.0),
        generation: origin.generation,
        created: Timestamp {
            seconds: i64::try_from(origin.slot.created).unwrap_or(i64::MAX),
            nanos: 0,
        },
        records: u64::try_from(records.0.len()).unwrap_or(u64::MAX),
        bytes: reader.at(),
    })
}

/// The names of the remaining records: a backup of a store in use also contains removals.
#[derive(Default)]
struct Records(HashSet<(u8, Vec<u8>, Vec<u8>)>);

impl Records {
    fn follow(&mut self, op: Op<'_>) {
        let name = |key: Key<'_>| (key.table.0, key.scope.to_vec(), key.id.to_vec());
        match op {
            Op::Put { key, .. } => {
                self.0.insert(name(key));
            }
            Op::Delete { key } => {
                self.0.remove(&name(key));
            }
            Op::ClearScope { table, scope } => {
                self.0
                    .retain(|(of, within, _)| *of != table.0 || within != scope);
            }
            Op::ClearTable { table } => self.0.retain(|(of, ..)| *of != table.0),
        }
    }
}

impl Whole {
    /// `812 records, 0.4 MB`.
    pub(crate) fn amount(&self) -> String {
        format!("{}, {}", count(self.records, "record"), size(self.bytes))
    }

    /// Some lines for a person, each with a newline.
    pub(crate) fn lines(&self, now: Timestamp) -> String {
        let Self {
            store,
            generation,
            created,
            ..
        } = self;
        format!(
            "Verified: {}\n{:<13}{store}\n{:<13}{generation}\n{:<13}{created}, {}\n",
            self.amount(),
            "Store id:",
            "Generation:",
            "Made:",
            ago(*created, now)
        )
    }

    /// The JSON form.
    pub(crate) fn json(self) -> Json {
        let Self {
            store,
            generation,
            created,
            records,
            bytes,
        } = self;
        Json {
            store_id: store,
            generation,
            created_at: created.to_string(),
            records,
            bytes,
        }
    }
}

/// The failure for the backup at `path`, with the next step.
pub(crate) fn failure(path: &Path, secret: &Secret, error: &Error) -> Failure {
    let file = text::one_line(&path.to_string_lossy());
    let kind = match secret {
        Secret::Raw(_) => "key",
        Secret::Passphrase(_) => "passphrase",
    };
    match error {
        Error::Foreign => Failure::new(format!("{file} is not a backup"))
            .with_reason("NOT_A_BACKUP")
            .with_hint("name a file that `openclawctl backup` made"),
        Error::WrongKey { .. } => Failure::new(format!("{file} does not open with this {kind}"))
            .with_reason("WRONG_SECRET")
            .with_hint("use the passphrase or key that the backup was made with, not the volume's"),
        Error::Newer { .. } => Failure::new(format!("{file}: {error}"))
            .with_reason("NEWER")
            .with_hint("update openclawctl"),
        Error::HeaderDamaged => damaged(format!("{file} is truncated or damaged at its start")),
        Error::Cut { at } | Error::Malformed { at } => {
            damaged(format!("{file} is truncated or damaged at byte {at}"))
        }
        Error::Surplus => damaged(format!("{file} has extra bytes after its end")),
        Error::Read(cause) => Failure::new(format!("cannot read {file}: {cause}")),
        _ => Failure::new(format!("{file}: {error}")),
    }
}

fn damaged(message: String) -> Failure {
    Failure::new(message)
        .with_reason("BACKUP_DAMAGED")
        .with_hint("it cannot be restored: use another backup, or make a new one")
}
