//! Imports the account of a Baileys gateway: reads its auth directory and writes it into a store. Neither the phone
//! nor the contacts notice anything: the device keeps its keys, its sessions and its name.
//!
//! ```text
//! folder     finds and lists it, reads bounded regular files       name     the type of a file
//! json       values in file order, bytes in five encodings        creds, session, sender_key, value   one file type each
//! write      into the library's `Backend`, the device last        report   the imported records, numbers masked
//! ```
//!
//! It never writes to the directory. It cannot check whether the old gateway still runs: it only detects files that
//! change while they are read. Key files are read one at a time, so that memory use does not depend on the size of
//! the account.

mod creds;
mod folder;
mod json;
mod name;
mod report;
mod sender_key;
mod session;
mod value;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use openclaw_types::Phone;
use whatsapp_rust::traits::Backend;
use whatsapp_rust::wacore::store::error::StoreError;

use self::creds::{Creds, CredsError};
use self::folder::{CREDS, CREDS_BACKUP, Stamp, Unread};
use self::name::Name;
use self::report::masked;
use super::Store;

pub use self::report::{Carried, NotCarried, RecordKind, Report, Skipped};

/// Parses bytes as every type of file and discards the result: for fuzzing.
#[doc(hidden)]
pub fn read_as_every_kind(bytes: &[u8]) {
    let local = session::context_without_device();
    let _ = Creds::parse(bytes).map(|creds| drop((creds.device(0), creds.local())));
    let _ = session::Session::parse(bytes, local);
    let _ = sender_key::SenderKey::parse(bytes)
        .and_then(|key| sender_key::SenderKey::merged(vec![key]));
    let _ = value::pre_key(1, bytes);
    let _ = value::identity(bytes);
    let _ = value::sender_key_memory(bytes);
    let _ = value::sync_key(bytes);
    let _ = value::sync_version(bytes);
    let _ = value::mapped_user(bytes);
    let _ = value::tc_token(bytes);
    let _ = std::str::from_utf8(bytes).map(Name::of);
}

/// Why nothing was imported. Never contains a full number or a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be opened.
    #[error("cannot open {dir}")]
    Open {
        /// The path as the user gave it, numbers masked.
        dir: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The user gave a file, such as `creds.json`, instead of its directory.
    #[error("{path} is a file, not a directory")]
    NotAFolder {
        /// The path as the user gave it, numbers masked.
        path: String,
    },
    /// The directory is empty.
    #[error("{dir} is empty")]
    Empty {
        /// The path as the user gave it, numbers masked.
        dir: String,
    },
    /// The account's directory is below this one.
    #[error("there is no creds.json in {dir}, but in directories under it: {}", .below.join(", "))]
    Below {
        /// The path as the user gave it, numbers masked.
        dir: String,
        /// The directories with a `creds.json`, numbers masked.
        below: Vec<String>,
    },
    /// `creds.json` is not from Baileys.
    #[error("creds.json in {dir} belongs to another program: it has no keys of a WhatsApp device")]
    Foreign {
        /// The path as the user gave it, numbers masked.
        dir: String,
    },
    /// `creds.json` is a symlink, or not a file.
    #[error("{file} cannot be imported: {reason}")]
    NotAFile {
        /// `creds.json` or its backup.
        file: &'static str,
        /// What it is instead.
        reason: String,
        /// True for a symlink.
        link: bool,
    },
    /// There is no `creds.json` in any of the usual places.
    #[error(
        "there is no creds.json in {dir}, nor in whatsapp/<account> or credentials/whatsapp/<account> under it"
    )]
    NotFound {
        /// The path as the user gave it, numbers masked.
        dir: String,
    },
    /// There are several accounts, and the user must choose one.
    #[error("there are several accounts here: {}", .0.join(", "))]
    SeveralAccounts(Vec<String>),
    /// More files than any account has.
    #[error("there are more than 200000 files in the directory")]
    TooManyFiles,
    /// `creds.json` exists but cannot be read.
    #[error("cannot read {file}: {reason}")]
    Unreadable {
        /// `creds.json` or its backup.
        file: &'static str,
        /// The cause.
        reason: String,
    },
    /// The account was never linked to a phone.
    #[error("this directory was never linked to a phone")]
    Unlinked,
    /// A pairing was started and not completed.
    #[error(
        "the pairing in this directory was not finished: there is no signature of the phone for this device"
    )]
    Unfinished,
    /// Both `creds.json` and its backup are damaged.
    #[error("creds.json is damaged: {creds}; creds.json.bak: {backup}")]
    Damaged {
        /// The damage of `creds.json`.
        creds: String,
        /// The damage of the backup.
        backup: String,
    },
    /// Another process wrote to the directory during the import.
    #[error("the directory changed while it was read: its gateway is still running")]
    InUse,
    /// The store already has an account.
    #[error("this volume is already linked to {0}")]
    Occupied(Phone),
    /// The store failed.
    #[error("cannot write to the store")]
    Store(#[from] StoreError),
}

const FOLDER: &str =
    "name the directory with creds.json: by default ~/.openclaw/credentials/whatsapp/default";
const NOT_THE_FILE: &str = "name the directory that the file is in, not the file";
const READABLE: &str =
    "run this as the user that the gateway ran as, or make the directory and its files readable";

impl Error {
    /// What the user should do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Open { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => FOLDER,
                io::ErrorKind::NotADirectory => NOT_THE_FILE,
                io::ErrorKind::PermissionDenied => READABLE,
                _ => "copy the directory to a disk that can be read, then import the copy",
            },
            Self::Unreadable { .. } => READABLE,
            Self::NotAFolder { path } if is_archive(path) => {
                "unpack it, and name the directory with creds.json that was in it"
            }
            Self::NotAFolder { .. } => NOT_THE_FILE,
            Self::NotFound { .. } | Self::Foreign { .. } => FOLDER,
            Self::Empty { .. } => {
                "name the directory with creds.json; in a container, check that it is mounted"
            }
            Self::Below { .. } => {
                "name one of those; each account needs an agent with a volume of its own"
            }
            Self::NotAFile { link: true, .. } => {
                "copy the directory with its symlinks resolved (cp -rL), then import the copy"
            }
            Self::NotAFile { .. } => {
                "a directory, pipe or device has this name: restore the file from a backup of that machine"
            }
            Self::SeveralAccounts(_) => {
                "name one account's directory; each account needs an agent with a volume of its own"
            }
            Self::TooManyFiles => {
                "name the account's own directory, not one that holds other files"
            }
            Self::Unlinked | Self::Unfinished => {
                "there is nothing to import: start the agent and run `openclawctl pair`"
            }
            Self::Damaged { .. } => {
                "restore creds.json from a backup of that machine, or start the agent and run `openclawctl pair`"
            }
            Self::InUse => "stop the gateway, then import again; nothing was imported yet",
            Self::Occupied(_) => {
                "use an empty volume, or run `openclawctl unpair` first if that account is not needed"
            }
            Self::Store(_) => {
                "nothing was imported: import again, or link the agent with `openclawctl pair`"
            }
        }
    }
}

/// An account's directory, found and checked as far as `creds.json`. Has no `Debug`.
pub struct Folder {
    dir: PathBuf,
    creds: Creds,
    source: &'static str,
    backup_because: Option<String>,
    stamps: BTreeMap<String, Stamp>,
}

/// Reads the identity of the account in `dir`, without importing anything. `dir` is the account's directory,
/// OpenClaw's `credentials`, or its state directory.
///
/// # Errors
/// There is no directory, no account in it, or more than one.
pub fn read(dir: &Path) -> Result<Folder, Error> {
    let dir = folder::locate(dir)?;
    // Listed before reading, so that later changes are detected.
    let stamps = folder::list(&dir)?;
    let (creds, source, backup_because) = identity(&dir)?;
    Ok(Folder {
        dir,
        creds,
        source,
        backup_because,
        stamps,
    })
}

/// Imports the account in `dir` into `store`.
///
/// # Errors
/// Those of [`read`]; the store has an account already, the directory is in use, or the store fails. In these cases
/// the store has no new account, and a repeated import starts over.
pub async fn import(dir: &Path, store: &Store) -> Result<Report, Error> {
    import_into(dir, &*store.records).await
}

/// Like [`import`], into any store of the library.
///
/// # Errors
/// Those of [`import`].
pub async fn import_into(dir: &Path, backend: &impl Backend) -> Result<Report, Error> {
    read(dir)?.write_to(backend).await
}

impl Folder {
    /// The account's number.
    #[must_use]
    pub fn phone(&self) -> &Phone {
        &self.creds.phone
    }

    /// Writes everything to `backend`, the device last: without the device there is no account.
    ///
    /// # Errors
    /// Those of [`import`], except for those of reading `creds.json`.
    pub async fn write_to(&self, backend: &impl Backend) -> Result<Report, Error> {
        write::Import::new(self, backend).run().await
    }
}

/// True if the name looks like that of an archive (`tar`, `zip` and the like).
fn is_archive(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let ends = [".tar", ".tgz", ".zip", ".7z", ".gz", ".xz", ".zst", ".bz2"];
    ends.iter().any(|end| path.ends_with(end))
}

/// Reads `creds.json`, or OpenClaw's backup if that is missing or damaged. An intact file without an account is the
/// latest state of the gateway, so the backup is not used.
fn identity(dir: &Path) -> Result<(Creds, &'static str, Option<String>), Error> {
    let creds = match attempt(dir, CREDS)? {
        Ok(creds) => return Ok((creds, CREDS, None)),
        Err(reason) => reason,
    };
    match attempt(dir, CREDS_BACKUP)? {
        Ok(found) => Ok((found, CREDS_BACKUP, Some(creds))),
        Err(backup) => Err(Error::Damaged { creds, backup }),
    }
}

/// The inner error is one for which the backup may be used.
fn attempt(dir: &Path, file: &'static str) -> Result<Result<Creds, String>, Error> {
    let bytes = match folder::load(dir, file) {
        Ok(bytes) => bytes,
        Err(unread @ Unread::Io(_)) => {
            return Err(Error::Unreadable {
                file,
                reason: unread.to_string(),
            });
        }
        Err(unread @ (Unread::Link | Unread::NotAFile)) => {
            return Err(Error::NotAFile {
                file,
                reason: unread.to_string(),
                link: matches!(unread, Unread::Link),
            });
        }
        Err(unread) => return Ok(Err(unread.to_string())),
    };
    match Creds::parse(&bytes) {
        Ok(creds) => Ok(Ok(creds)),
        Err(CredsError::Unlinked) => Err(Error::Unlinked),
        Err(CredsError::Unfinished) => Err(Error::Unfinished),
        Err(CredsError::Foreign) => Err(Error::Foreign {
            dir: masked(&dir.display().to_string()),
        }),
        Err(CredsError::Damaged(fault)) => Ok(Err(fault.to_string())),
    }
}

/// Parses `bytes` as the file of this name and discards the result: for fuzzing, to find panics.
#[doc(hidden)]
pub fn parse_file(file: &str, bytes: &[u8]) {
    if file == CREDS || file == CREDS_BACKUP {
        let _ = Creds::parse(bytes).map(|creds| creds.device(0));
        return;
    }
    let Some(name) = Name::of(file) else {
        return;
    };
    match name {
        Name::PreKey(id) => drop(value::pre_key(id, bytes)),
        Name::Session(_) => drop(session::Session::parse(
            bytes,
            session::context_without_device(),
        )),
        Name::Identity(_) => drop(value::identity(bytes)),
        Name::SenderKey { .. } => {
            let key = sender_key::SenderKey::parse(bytes);
            let _ = key.and_then(|key| sender_key::SenderKey::merged(vec![key]));
        }
        Name::SenderKeyMemory { .. } => drop(value::sender_key_memory(bytes)),
        Name::SyncKey(_) => drop(value::sync_key(bytes)),
        Name::SyncVersion(_) => drop(value::sync_version(bytes)),
        Name::LidMapping(_) | Name::PnMapping(_) => drop(value::mapped_user(bytes)),
        Name::TcToken { .. } => drop(value::tc_token(bytes)),
        Name::Refetched | Name::Unreadable => {}
    }
}

#[cfg(test)]
mod tests;
