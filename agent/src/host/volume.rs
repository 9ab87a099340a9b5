//! The volume: the directory with one agent's store, locked by one process and opened with one secret.
//!
//! ```text
//! settings   flags and environment variables            source   where the secret is, to be read again
//! lock       the exclusive lock                         error    why it cannot be opened, with hints
//! railway    persistence of the directory on Railway    exposure write access by others
//! inspect    what is visible without a key                foreign_files   files of other programs
//! ```
//!
//! This module starts no thread, so that a sandbox can still follow; [`openclaw_state::vault`] shares the store.

mod error;
mod exposure;
mod fault;
mod foreign_files;
mod hold;
mod inspect;
mod lock;
mod path;
mod railway;
mod settings;
mod source;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use openclaw_state::vault::Sealed;
use openclaw_vault::{Folder, Opened, Presence, presence};

pub use error::Error;
pub use exposure::{Exposure, exposure};
pub use fault::Fault;
pub use hold::{hold, is_key_page_locked};
pub use inspect::inspect;
pub use lock::Lock;
pub use path::is_inside;
pub use railway::off_the_volume;
pub(crate) use settings::on_the_volume;
pub use settings::{Flags, Mistake, no_key};
pub use source::{
    BadSource, KeySource, SECRETS, make_key_file, read_key, read_new_passphrase, read_passphrase,
};

/// The slot name of a new store's first key.
pub const FIRST_SLOT: &str = "default";

/// The location of the store, and how long to wait for its lock.
#[derive(Clone, Debug)]
pub struct StoreLocation {
    /// The directory.
    pub dir: PathBuf,
    /// How long the previous process may take to release it.
    pub lock_timeout: Duration,
}

/// A volume that this process has locked.
pub struct Volume {
    dir: PathBuf,
    // Held while the store is in use.
    lock: Lock,
}

/// An open store on a locked volume.
pub struct Open {
    /// The volume; keep it while the store is in use.
    pub volume: Volume,
    /// The store.
    pub sealed: Sealed,
    /// The findings of opening it; `None` for a new store.
    pub opened: Option<Opened>,
    /// A key file that was created for it.
    pub made_key: Option<PathBuf>,
}

impl StoreLocation {
    /// Locks the volume. `waiting` is called once with the holder, if it must be waited for.
    pub fn claim(&self, now: SystemTime, waiting: impl FnOnce(&str)) -> Result<Volume, Error> {
        make_dir(&self.dir)?;
        let lock = Lock::acquire(&self.dir, self.lock_timeout, now, waiting)?;
        Ok(Volume {
            dir: self.dir.clone(),
            lock,
        })
    }
}

impl Volume {
    /// Opens the store, or creates one if there is none.
    pub fn open_or_create(self, source: &KeySource, now: SystemTime) -> Result<Open, Error> {
        if self.presence()?.is_none() {
            source.check_for_new()?;
        }
        let made_key = match (source.file_to_make(), self.presence()?) {
            (Some(path), None) => make_key_file(path)?.then(|| path.to_owned()),
            _ => None,
        };
        if self.presence()?.is_some() {
            return self.open_with(source);
        }
        let secret = source.secret()?;
        let created = Sealed::create(self.folder(), &secret, FIRST_SLOT, seconds(now), hold);
        let sealed = created.map_err(|error| self.failed(error))?;
        Ok(Open {
            sealed,
            opened: None,
            made_key,
            volume: self,
        })
    }

    /// Opens an existing store.
    pub fn open(self, source: &KeySource) -> Result<Open, Error> {
        if self.presence()?.is_none() {
            return Err(self.failed(openclaw_vault::Error::Absent));
        }
        self.open_with(source)
    }

    fn open_with(self, source: &KeySource) -> Result<Open, Error> {
        let secret = source.secret().map_err(Error::SourceOfStore)?;
        let opened = Sealed::open(self.folder(), &secret, hold);
        let (sealed, opened) = opened.map_err(|error| self.failed(error))?;
        Ok(Open {
            sealed,
            opened: Some(opened),
            made_key: None,
            volume: self,
        })
    }

    fn presence(&self) -> Result<Option<Presence>, Error> {
        presence(&self.folder()).map_err(|error| self.failed(error))
    }

    fn folder(&self) -> Folder {
        Folder::new(&self.dir)
    }

    /// The error for a failure of the store on this volume.
    #[must_use]
    pub fn failed(&self, source: openclaw_vault::Error) -> Error {
        Error::Store {
            dir: self.dir.clone(),
            source,
        }
    }

    /// Releases the volume for the next process.
    pub fn release(self) {
        drop(self.lock);
    }
}

/// Creates the directory with mode 0700. Its parent must exist: a mistyped path must not become a new volume.
fn make_dir(dir: &Path) -> Result<(), Error> {
    match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => return Err(Error::NotAFolder(dir.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error::folder(dir, source)),
    }
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.is_dir()
    {
        return Err(Error::NoParent(parent.to_owned()));
    }
    let made = fs::DirBuilder::new().mode(0o700).create(dir);
    made.map_err(|source| Error::folder(dir, source))
}

/// Seconds since 1970, the unit of slot dates.
#[must_use]
pub fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
