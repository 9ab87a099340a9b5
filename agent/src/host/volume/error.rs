//! Why a volume cannot be opened, each with a hint for the operator.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::settings::OWN_KEY;
use super::source::BadSource;

/// Why a volume cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parent directory is missing.
    #[error("the directory {} does not exist", .0.display())]
    NoParent(PathBuf),
    /// The path is not a directory.
    #[error("{} is not a directory", .0.display())]
    NotAFolder(PathBuf),
    /// The directory cannot be used.
    #[error("cannot use the directory {}", dir.display())]
    Folder {
        /// The directory.
        dir: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Another process has locked it.
    #[error("{} is in use by {holder}", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process, as far as known.
        holder: String,
        /// How long this process waited.
        waited: Duration,
    },
    /// No secret is configured.
    #[error(transparent)]
    Source(#[from] BadSource),
    /// No secret is configured for an existing store.
    #[error(transparent)]
    SourceOfStore(BadSource),
    /// The store cannot be opened.
    #[error("cannot open the store in {}", dir.display())]
    Store {
        /// The directory.
        dir: PathBuf,
        /// The store's error.
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

    /// True if the settings are at fault, rather than the disk or a temporary condition.
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
            "set the key or passphrase of one of these slots; a new key cannot open an existing store"
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
