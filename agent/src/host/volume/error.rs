//! Why a volume does not open, each with what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settings::OWN_KEY;
use super::source::BadSource;

/// Why a volume does not open.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder's folder is missing.
    #[error("the directory {} does not exist", .0.display())]
    NoParent(PathBuf),
    /// Something else is in the folder's place.
    #[error("{} is not a directory", .0.display())]
    NotAFolder(PathBuf),
    /// The folder cannot be used.
    #[error("cannot use the directory {}", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("{} is in use by {holder}", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Who, as far as is known.
        holder: String,
        /// For how long it was waited for.
        waited: Duration,
    },
    /// There is no secret.
    #[error(transparent)]
    Source(#[from] BadSource),
    /// There is no secret for a store that is there.
    #[error(transparent)]
    SourceOfStore(BadSource),
    /// The store itself.
    #[error("cannot open the store in {}", dir.display())]
    Store {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        source: openclaw_vault::Error,
    },
}

impl Error {
    pub(super) fn folder(dir: &Path, source: io::Error) -> Self {
        Self::Folder {
            dir: dir.to_owned(),
            source,
        }
    }

    /// Whether other settings, rather than another disk or another time, are what it takes.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        use openclaw_vault::Error as Store;
        match self {
            Self::NoParent(_) | Self::NotAFolder(_) | Self::Source(_) | Self::SourceOfStore(_) => {
                true
            }
            Self::Store { source, .. } => matches!(source, Store::WrongKey { .. } | Store::Foreign),
            Self::Folder { .. } | Self::Locked { .. } => false,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoParent(parent) => format!(
                "mount the volume, or make the directory: mkdir -p {}",
                parent.display()
            ),
            Self::NotAFolder(_) => "name a directory with --auth-dir".to_owned(),
            Self::Folder { dir, source } => disk_hint(dir, source),
            Self::Locked { waited, .. } => format!(
                "stop the other process first, only one may use a volume (waited {} s, see --lock-wait)",
                waited.as_secs()
            ),
            Self::Source(source) => source.hint(),
            Self::SourceOfStore(source) if source.is_no_secret() => OWN_KEY.to_owned(),
            Self::SourceOfStore(source) => source.hint(),
            Self::Store { dir, source } => store_hint(dir, source),
        }
    }
}

fn store_hint(dir: &Path, error: &openclaw_vault::Error) -> String {
    use openclaw_vault::Error as Store;
    match error {
        Store::WrongKey { .. } => {
            "give the key or passphrase of one of these slots; a new key cannot open an existing store"
                .to_owned()
        }
        Store::InUse => {
            "stop the other process that uses this store, also under another path".to_owned()
        }
        Store::Newer { .. } => "start the version that wrote it, or a later one".to_owned(),
        Store::Foreign | Store::HeaderDamaged | Store::HeaderMissing | Store::LogMissing(_) | Store::Damaged { .. }
        | Store::Older { .. } | Store::Malformed { .. } => format!(
            "move {} away, start on an empty directory, and bring the latest backup back with `openclawctl restore FILE`; without a backup, link the phone again",
            dir.display()
        ),
        Store::Absent => "the agent creates it at its first start".to_owned(),
        Store::Read(source) | Store::Write(source) | Store::Sync(source) | Store::Folder(source) => disk_hint(dir, source),
        _ => "start again; if it persists, move the directory away and restore a backup".to_owned(),
    }
}

fn disk_hint(dir: &Path, error: &io::Error) -> String {
    let dir = dir.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let uid = rustix::process::geteuid().as_raw();
            format!(
                "the agent runs as user {uid}: give the directory to it (chown -R {uid} {dir}); on Railway set RAILWAY_RUN_UID=0, and the agent does it at its start"
            )
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!(
                "the disk is full: free some space or enlarge the volume of {dir}; nothing is lost"
            )
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("mount the volume of {dir} read-write")
        }
        io::ErrorKind::NotADirectory => "name a directory with --auth-dir".to_owned(),
        _ => format!("check the disk of {dir}, then start again"),
    }
}
