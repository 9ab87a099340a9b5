//! The volume: the folder with one agent's store, locked for one process and opened with one secret.
//!
//! ```text
//! settings   what was asked for, by flags and environment     source   where the secret is, to be read again
//! lock       one process on the volume                        error    why it does not open, for a person
//! railway    whether the folder outlives a deployment there   exposure who else can change it
//! strangers  whether the folder is another program's
//! ```
//!
//! It starts no thread, so that a sandbox can still follow; the store is shared by [`openclaw_state::vault`].

mod error;
mod exposure;
mod fault;
mod hold;
mod lock;
mod look;
mod path;
mod railway;
mod settings;
mod source;
mod strangers;

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
pub use lock::Lock;
pub use look::look;
pub use path::is_inside;
pub use railway::off_the_volume;
pub(crate) use settings::on_the_volume;
pub use settings::{Flags, Mistake, no_key};
pub use source::{
    BadSource, KeySource, SECRETS, make_key_file, read_key, read_new_passphrase, read_passphrase,
};

/// The name of the slot that a new store begins with.
pub const FIRST_SLOT: &str = "default";

/// Where the store is, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct StoreLocation {
    /// The folder.
    pub dir: PathBuf,
    /// How long a predecessor may take to let go of it.
    pub lock_timeout: Duration,
}

/// A volume that is ours: no one else has it open.
pub struct Volume {
    dir: PathBuf,
    // Held for as long as the store is used.
    lock: Lock,
}

/// An open store on a volume that is ours.
pub struct Open {
    /// The volume; keep it while the store is used.
    pub volume: Volume,
    /// The store.
    pub sealed: Sealed,
    /// What opening it found; `None` for a store that was just made.
    pub opened: Option<Opened>,
    /// A key file that was made for it.
    pub made_key: Option<PathBuf>,
}

impl StoreLocation {
    /// Makes the volume ours. `waiting` gets its holder once, if it must be waited for.
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
    /// Opens the store, or makes one where there is none.
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

    /// Opens the store that is there.
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

    /// What went wrong with the store on this volume.
    #[must_use]
    pub fn failed(&self, source: openclaw_vault::Error) -> Error {
        Error::Store {
            dir: self.dir.clone(),
            source,
        }
    }

    /// Gives the volume to the process that waits for it.
    pub fn release(self) {
        drop(self.lock);
    }
}

/// For its owner alone, and in a folder that is there: a path with a mistake in it must not become a new volume.
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

/// Seconds since 1970, as slots are dated.
#[must_use]
pub fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
