//! Takes over the account of a Baileys gateway: reads its auth folder, writes it to a store. The phone is not asked,
//! contacts notice nothing: the device keeps its keys, its sessions and its name.
//!
//! ```text
//! folder     finds it, lists it, reads bounded regular files      name     what a file is
//! json       values in file order, bytes in five spellings        creds, session, sender_key, value   one file each
//! write      into the library's `Backend`, the device last        report   what came over, numbers masked
//! ```
//!
//! It never writes to the folder, and asks no one whether the old gateway still runs: it notices a folder that changes
//! while it is read, no more. Key files are read one at a time, so that a large account needs no memory for all of them.

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

/// Reads bytes as each kind of file that a folder has, and keeps nothing: for the fuzzer.
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

/// Why nothing was imported. Holds no full number and no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder cannot be opened.
    #[error("cannot open {dir}")]
    Open {
        /// As it was named, numbers masked.
        dir: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file was named, `creds.json` perhaps, instead of the folder that it is in.
    #[error("{path} is a file, not a directory")]
    NotAFolder {
        /// As it was named, numbers masked.
        path: String,
    },
    /// There is nothing in the folder.
    #[error("{dir} is empty")]
    Empty {
        /// As it was named, numbers masked.
        dir: String,
    },
    /// The folder is not the account's own, but one above it.
    #[error("there is no creds.json in {dir}, but in directories under it: {}", .below.join(", "))]
    Below {
        /// As it was named, numbers masked.
        dir: String,
        /// The folders, numbers masked.
        below: Vec<String>,
    },
    /// `creds.json` is not Baileys'.
    #[error("creds.json in {dir} belongs to another program: it has no keys of a WhatsApp device")]
    Foreign {
        /// As it was named, numbers masked.
        dir: String,
    },
    /// `creds.json` is a link, or no file at all.
    #[error("{file} cannot be imported: {reason}")]
    NotAFile {
        /// `creds.json` or its backup.
        file: &'static str,
        /// What it is.
        reason: String,
        /// Whether it is a link.
        link: bool,
    },
    /// There is no `creds.json` where one is looked for.
    #[error(
        "there is no creds.json in {dir}, nor in whatsapp/<account> or credentials/whatsapp/<account> under it"
    )]
    NotFound {
        /// As it was named, numbers masked.
        dir: String,
    },
    /// Which one is not for us to guess.
    #[error("there are several accounts here: {}", .0.join(", "))]
    SeveralAccounts(Vec<String>),
    /// More than any account has.
    #[error("there are more than 200000 files in the directory")]
    TooManyFiles,
    /// `creds.json` is there and the system does not let us read it.
    #[error("cannot read {file}: {reason}")]
    Unreadable {
        /// `creds.json` or its backup.
        file: &'static str,
        /// What the system says.
        reason: String,
    },
    /// No phone has been linked.
    #[error("this directory was never linked to a phone")]
    Unlinked,
    /// A pairing was begun and not finished.
    #[error(
        "the pairing in this directory was not finished: there is no signature of the phone for this device"
    )]
    Unfinished,
    /// Neither `creds.json` nor its backup is whole.
    #[error("creds.json is damaged: {creds}; creds.json.bak: {backup}")]
    Damaged {
        /// What is wrong with it.
        creds: String,
        /// What is wrong with its backup.
        backup: String,
    },
    /// Someone wrote to the folder meanwhile.
    #[error("the directory changed while it was read: its gateway is still running")]
    InUse,
    /// The store has an account already.
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
    /// What to do next.
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

/// An account's folder, found and understood as far as `creds.json` goes. Has no `Debug`.
pub struct Folder {
    dir: PathBuf,
    creds: Creds,
    source: &'static str,
    backup_because: Option<String>,
    stamps: BTreeMap<String, Stamp>,
}

/// Reads who the account in `dir` is, without taking anything over. `dir` is the account's own folder, OpenClaw's
/// `credentials`, or its state folder.
///
/// # Errors
/// No folder, no account in it, or several.
pub fn read(dir: &Path) -> Result<Folder, Error> {
    let dir = folder::locate(dir)?;
    // Listed first: what changes from here on is noticed.
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

/// Takes the account in `dir` over into `store`.
///
/// # Errors
/// Those of [`read`], an account in the store already, a folder in use, a store that fails. Then the store has no
/// account that it had not before; importing again starts over.
pub async fn import(dir: &Path, store: &Store) -> Result<Report, Error> {
    import_into(dir, &*store.records).await
}

/// [`import`] into any of the library's stores.
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

    /// Writes everything to `backend`, the device last: without it there is no account.
    ///
    /// # Errors
    /// Those of [`import`] that do not come from reading `creds.json`.
    pub async fn write_to(&self, backend: &impl Backend) -> Result<Report, Error> {
        write::Import::new(self, backend).run().await
    }
}

/// What `tar`, `zip` and their kin make of a folder, by its name.
fn is_archive(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let ends = [".tar", ".tgz", ".zip", ".7z", ".gz", ".xz", ".zst", ".bz2"];
    ends.iter().any(|end| path.ends_with(end))
}

/// From `creds.json`, or, where that is missing or damaged, from OpenClaw's backup of it. A whole one that has no
/// account is what the gateway last knew, and no reason to go back to the backup.
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

/// The inner error is one that the backup may help against.
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

/// Parses `bytes` as the file of this name, and forgets the outcome: for fuzzing, which looks for panics.
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
