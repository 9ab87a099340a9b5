//! Where the API listens: a unix socket for its own user, and plain text on loopback if asked.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::server::Connected;

/// How long a listener rests that cannot accept.
const PAUSE: Duration = Duration::from_millis(50);

/// Why the API does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The socket's folder.
    #[error("make the folder {}", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Another process answers there.
    #[error("another process listens on {}: is an agent running already?", .0.display())]
    Taken(PathBuf),
    /// Something that is not a socket is there.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The socket itself.
    #[error("listen on {}", .0.display())]
    Unix(PathBuf, #[source] io::Error),
    /// The address.
    #[error("listen on {0}")]
    Tcp(SocketAddr, #[source] io::Error),
}

/// Bound, not yet accepting.
#[derive(Debug)]
pub struct Listeners {
    unix: UnixListener,
    owner: u32,
    leftover: Leftover,
    tcp: Option<TcpListener>,
}

impl Listeners {
    /// Binds both. A socket file that nobody answers on is left over, and replaced.
    pub async fn bind(path: &Path, tcp: Option<SocketAddr>) -> Result<Self, ListenError> {
        if let Some(folder) = path.parent() {
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder);
            made.map_err(|error| ListenError::Folder(folder.to_owned(), error))?;
        }
        remove_leftover(path).await?;
        let failed = |error| ListenError::Unix(path.to_owned(), error);
        let unix = UnixListener::bind(path).map_err(failed)?;
        let leftover = Leftover(path.to_owned());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let owner = fs::metadata(path).map_err(failed)?.uid();
        let tcp = match tcp {
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|error| ListenError::Tcp(address, error))?)
            }
            None => None,
        };
        Ok(Self {
            unix,
            owner,
            leftover,
            tcp,
        })
    }

    /// The address of the plain-text listener, when there is one.
    #[must_use]
    pub fn plaintext_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Every connection that may speak to the API.
    pub(super) fn into_incoming(self) -> impl Stream<Item = io::Result<Conn>> {
        let Self {
            unix,
            owner,
            leftover,
            tcp,
        } = self;
        let unix = UnixListenerStream::new(unix).filter_map(move |accepted| {
            let _keep = &leftover;
            async move {
                let stream = accepted_or_later(accepted).await?;
                is_admitted(&stream, owner).then_some(Ok(Conn::Unix(stream)))
            }
        });
        let tcp = futures::stream::iter(tcp).flat_map(TcpListenerStream::new);
        let tcp = tcp.filter_map(async |accepted| {
            let stream = accepted_or_later(accepted).await?;
            // Answers are small; waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            Some(Ok(Conn::Tcp(stream)))
        });
        futures::stream::select(unix, tcp)
    }
}

/// `None` when no descriptor is free or the peer has gone, after a pause: the listener would say so
/// again at once, and nothing else would run.
async fn accepted_or_later<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(stream) => Some(stream),
        Err(_) => {
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// The agent's own user and root: the file's mode already says so, except in a shared folder or
/// for a socket that was opened before the mode was set.
fn is_admitted(stream: &UnixStream, owner: u32) -> bool {
    let admitted = stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0);
    if !admitted {
        tracing::warn!("refused a connection of another user");
    }
    admitted
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

/// Removes the socket file when the listener goes.
#[derive(Debug)]
struct Leftover(PathBuf);

impl Drop for Leftover {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A connection of either kind.
#[derive(Debug)]
pub(super) enum Conn {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Connected for Conn {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

/// Forwards to the stream inside.
macro_rules! either {
    ($conn:expr, $stream:ident => $do:expr) => {
        match $conn.get_mut() {
            Conn::Unix(stream) => {
                let $stream = Pin::new(stream);
                $do
            }
            Conn::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $do
            }
        }
    };
}

impl AsyncRead for Conn {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}
