//! The unix socket, for the agent's user and root.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use futures::{Stream, StreamExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;

use super::ListenError;
use super::accepted_or_later;
use super::conn::Conn;

/// Bound, not yet accepting.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    owner: u32,
    leftover: Leftover,
}

impl Socket {
    /// A stale socket file, which no process listens on, is replaced.
    pub(super) async fn bind(path: &Path) -> Result<Self, ListenError> {
        if let Some(folder) = path.parent() {
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder);
            made.map_err(|error| ListenError::Folder(folder.to_owned(), error))?;
        }
        remove_leftover(path).await?;
        let failed = |error| ListenError::Unix(path.to_owned(), error);
        let listener = UnixListener::bind(path).map_err(failed)?;
        let leftover = Leftover(path.to_owned());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let owner = fs::metadata(path).map_err(failed)?.uid();
        Ok(Self {
            listener,
            owner,
            leftover,
        })
    }

    pub(super) fn into_incoming(self) -> impl Stream<Item = Conn> {
        let Self {
            listener,
            owner,
            leftover,
        } = self;
        UnixListenerStream::new(listener).filter_map(move |accepted| {
            let _keep = &leftover;
            async move {
                let stream = accepted_or_later(accepted).await?;
                is_allowed(&stream, owner).then(|| Conn::unix(stream))
            }
        })
    }
}

/// Allows the agent's user and root. The file's mode already enforces that, except in a shared directory or for a
/// connection that was opened before the mode was set.
fn is_allowed(stream: &UnixStream, owner: u32) -> bool {
    let peer_uid = stream.peer_cred().ok().map(|peer| peer.uid());
    let allowed = peer_uid.is_some_and(|uid| is_allowed_uid(uid, owner));
    if !allowed {
        tracing::warn!(
            peer_uid,
            "connection refused: the peer runs as another user"
        );
    }
    allowed
}

const fn is_allowed_uid(peer: u32, owner: u32) -> bool {
    peer == owner || peer == 0
}

async fn remove_leftover(path: &Path) -> Result<(), ListenError> {
    use std::os::unix::fs::FileTypeExt as _;
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(ListenError::NotASocket(path.to_owned()));
    }
    if UnixStream::connect(path).await.is_ok() {
        return Err(ListenError::Taken(path.to_owned()));
    }
    fs::remove_file(path).map_err(|error| ListenError::Unix(path.to_owned(), error))
}

/// Removes the socket file on drop.
#[derive(Debug)]
struct Leftover(PathBuf);

impl Drop for Leftover {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_agents_user_and_root_may_connect() {
        assert!(is_allowed_uid(1000, 1000));
        assert!(is_allowed_uid(0, 1000));
        assert!(!is_allowed_uid(1001, 1000));
        assert!(!is_allowed_uid(65_534, 0));
    }
}
