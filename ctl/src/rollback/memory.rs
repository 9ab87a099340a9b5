//! The latest state of each store that this user has seen: one small file per store, in the user's state directory. It
//! contains no secrets.

use std::fs;
use std::io;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::judge::Seen;
use crate::{state_dir, text};

/// The directory of the files.
pub(crate) struct Memory {
    dir: Option<PathBuf>,
}

/// Why the record cannot be used.
#[derive(Debug)]
pub(crate) enum Error {
    /// The user has no state directory.
    NoFolder,
    /// The file has invalid content.
    Invalid(PathBuf),
    /// The file cannot be read or written.
    File(PathBuf, io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoFolder => f.write_str(state_dir::NONE),
            Self::Invalid(path) => write!(f, "{} is unreadable; starting over", shown(path)),
            Self::File(path, error) => write!(f, "{}: {error}", shown(path)),
        }
    }
}

fn shown(path: &std::path::Path) -> String {
    text::one_line(&path.to_string_lossy())
}

#[derive(Serialize, Deserialize)]
struct File {
    generation: u64,
    id: u64,
    commits: u64,
}

impl Memory {
    /// `$XDG_STATE_HOME/openclaw/vaults`, else `~/.local/state/openclaw/vaults`.
    pub(crate) fn of_user() -> Self {
        Self {
            dir: state_dir::of_user("vaults"),
        }
    }

    /// The recorded state of `store`, if any.
    pub(crate) fn load(&self, store: &[u8; 16]) -> Result<Option<Seen>, Error> {
        let path = self.path(store)?;
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::File(path, error)),
        };
        let File {
            generation,
            id,
            commits,
        } = serde_json::from_slice(&text).map_err(|_| Error::Invalid(path))?;
        Ok(Some(Seen {
            generation,
            id,
            commits,
        }))
    }

    /// Records a state.
    pub(crate) fn store(&self, store: &[u8; 16], seen: Seen) -> Result<(), Error> {
        let path = self.path(store)?;
        let Seen {
            generation,
            id,
            commits,
        } = seen;
        let file = File {
            generation,
            id,
            commits,
        };
        serde_json::to_vec(&file)
            .map_err(io::Error::other)
            .and_then(|text| state_dir::replace(&path, &text))
            .map_err(|error| Error::File(path, error))
    }

    fn path(&self, store: &[u8; 16]) -> Result<PathBuf, Error> {
        let dir = self.dir.as_ref().ok_or(Error::NoFolder)?;
        Ok(dir.join(HEXLOWER.encode(store)))
    }
}
