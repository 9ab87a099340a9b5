//! Reads what is visible of a volume without a key, and without changing it.

use std::fs::File;
use std::io;
use std::path::Path;

use openclaw_vault::{Disk, Folder, Presence, presence};

use super::Error;

/// Inspects the store in `dir`; `None` if there is none. A running agent is not affected.
pub fn inspect(dir: &Path) -> Result<Option<Presence>, Error> {
    if !dir.exists() {
        return Ok(None);
    }
    let folder = ReadOnly(Folder::new(dir));
    presence(&folder).map_err(|source| Error::Store {
        dir: dir.to_owned(),
        source,
    })
}

/// A read-only directory.
struct ReadOnly(Folder);

impl Disk for ReadOnly {
    type File = File;

    /// Opened for reading only, so that the kernel rejects every write.
    fn open(&self, name: &str) -> io::Result<Option<File>> {
        match File::open(self.0.path().join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, _: &str) -> io::Result<File> {
        Err(refused())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Err(refused())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(refused())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn refused() -> io::Error {
    io::Error::other("the store is being erased")
}
