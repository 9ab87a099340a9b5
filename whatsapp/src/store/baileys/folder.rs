//! Finds the directory and reads its files: read-only, only regular files, limited in size and number.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::Error;
use super::report::masked;

pub(super) const CREDS: &str = "creds.json";
/// OpenClaw's copy of the file from before the last save.
pub(super) const CREDS_BACKUP: &str = "creds.json.bak";

const MAX_FILE_BYTES: u64 = 16 << 20;
const MAX_FILES: usize = 200_000;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error("file not found")]
    Missing,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is a symlink, and symlinks are not followed")]
    Link,
    #[error("it is larger than 16 MiB")]
    TooLarge,
    #[error("it cannot be read: {0}")]
    Io(io::ErrorKind),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            kind => Self::Io(kind),
        }
    }
}

/// Identifies a state of a file, to detect changes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

/// Finds the directory of one account: `dir` itself, or the only one in an OpenClaw state directory or its
/// `credentials`.
///
/// Before OpenClaw supported several accounts, the files were directly in `credentials`; it still reads them there if
/// no account has its own directory.
pub(super) fn locate(dir: &Path) -> Result<PathBuf, Error> {
    let name = || masked(&dir.display().to_string());
    if dir.is_file() {
        return Err(Error::NotAFolder { path: name() });
    }
    let entries = fs::read_dir(dir);
    let mut entries = entries.map_err(|source| Error::Open {
        dir: name(),
        source,
    })?;
    if entries.next().is_none() {
        return Err(Error::Empty { dir: name() });
    }
    let mut accounts = Vec::new();
    if dir.file_name() == Some(OsStr::new("whatsapp")) {
        accounts.extend(accounts_in(dir));
    }
    let credentials = dir.join("credentials");
    accounts.extend(accounts_in(&dir.join("whatsapp")));
    accounts.extend(accounts_in(&credentials.join("whatsapp")));
    if accounts.len() > 1 {
        let names = accounts.iter().filter_map(|account| account.file_name());
        let names = names.map(|name| masked(&name.to_string_lossy()));
        return Err(Error::SeveralAccounts(names.collect()));
    }
    let legacy = [dir.to_owned(), credentials];
    let mut found = accounts
        .into_iter()
        .chain(legacy)
        .filter(|dir| has_creds(dir));
    if let Some(found) = found.next() {
        return Ok(found);
    }
    // An inaccessible directory may contain the file; reading it will report the error.
    let looked = fs::symlink_metadata(dir.join(CREDS));
    if looked.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
        return Ok(dir.to_owned());
    }
    let below = accounts_in(dir);
    let below = below.iter().filter_map(|account| account.file_name());
    let below: Vec<_> = below.map(|name| masked(&name.to_string_lossy())).collect();
    Err(match below.is_empty() {
        true => Error::NotFound { dir: name() },
        false => Error::Below { dir: name(), below },
    })
}

/// The accounts below `dir`, sorted, so that errors list them in a stable order.
fn accounts_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|dir| has_creds(dir))
        .collect();
    found.sort();
    found
}

fn has_creds(dir: &Path) -> bool {
    [CREDS, CREDS_BACKUP]
        .iter()
        .any(|file| fs::symlink_metadata(dir.join(file)).is_ok())
}

/// All names and their stamps. Names that are not UTF-8 are skipped: Baileys never writes them.
pub(super) fn list(dir: &Path) -> Result<BTreeMap<String, Stamp>, Error> {
    let open = |source| Error::Open {
        dir: masked(&dir.display().to_string()),
        source,
    };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(open)? {
        let entry = entry.map_err(open)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        // If a file is removed meanwhile, the second listing detects that.
        if let Ok(metadata) = entry.metadata() {
            files.insert(name, Stamp::of(&metadata));
        }
        if files.len() > MAX_FILES {
            return Err(Error::TooManyFiles);
        }
    }
    Ok(files)
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Reads a whole file. Does not follow a symlink or block on a pipe.
pub(super) fn load(dir: &Path, file: &str) -> Result<Vec<u8>, Unread> {
    let path = dir.join(file);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(opened) => File::from(opened),
        Err(rustix::io::Errno::LOOP) => return Err(Unread::Link),
        Err(error) => return Err(io::Error::from(error).into()),
    };
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        return Err(Unread::NotAFile);
    }
    let mut bytes =
        Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE_BYTES)).unwrap_or(0));
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Unread::TooLarge);
    }
    Ok(bytes)
}
