//! Where the API listens: a unix socket for its own user, TLS for clients that are known, and plain text on loopback
//! if asked.
//!
//! ```text
//! unix   who may open the socket          door      accepts, shakes hands within limits, enrolls, allows
//! conn   one connection of any kind       refusals  what of it stands in the log: a line a minute at the most
//! seats  whose connection makes room
//! ```

mod conn;
mod door;
mod refusals;
mod seats;
mod unix;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use openclaw_trust::{Fingerprint, Identity};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

pub(super) use conn::{Caller, Conn, Transport};
use door::Door;
use openclaw_state::clients::Clients;
use unix::Socket;

/// How long a listener rests that cannot accept.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Why the API does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The socket's folder.
    #[error("cannot make the directory {}", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Another process answers there.
    #[error("another process listens on {} (is another agent running?)", .0.display())]
    Taken(PathBuf),
    /// Something that is not a socket is there.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The socket itself.
    #[error("cannot listen on {}", .0.display())]
    Unix(PathBuf, #[source] io::Error),
    /// The address.
    #[error("cannot listen on {0}")]
    Tcp(SocketAddr, #[source] io::Error),
    /// The agent's key does not sign.
    #[error("cannot serve TLS with the agent's key: {0}")]
    Key(String),
}

/// Bound, not yet accepting.
pub struct Listeners {
    socket: Socket,
    plaintext: Option<TcpListener>,
    door: Option<Door>,
}

impl Listeners {
    /// Binds the unix socket and, if asked, a plain-text address.
    ///
    /// # Errors
    /// One of them is not to be had.
    pub async fn bind(path: &Path, plaintext: Option<SocketAddr>) -> Result<Self, ListenError> {
        let socket = Socket::bind(path).await?;
        let plaintext = match plaintext {
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|error| ListenError::Tcp(address, error))?)
            }
            None => None,
        };
        Ok(Self {
            socket,
            plaintext,
            door: None,
        })
    }

    /// Binds an address for TLS as well.
    ///
    /// # Errors
    /// It is not to be had, or the key does not sign.
    pub async fn with_tls(
        mut self,
        address: SocketAddr,
        identity: &Identity,
        clients: Clients,
    ) -> Result<Self, ListenError> {
        let listener = bind_any(address)
            .await
            .map_err(|error| ListenError::Tcp(address, error))?;
        let door = Door::new(listener, identity, clients);
        self.door = Some(door.map_err(|error| ListenError::Key(error.to_string()))?);
        Ok(self)
    }

    /// The address of the plain-text listener, when there is one.
    #[must_use]
    pub fn plaintext_address(&self) -> Option<SocketAddr> {
        self.plaintext.as_ref()?.local_addr().ok()
    }

    /// The address for TLS and the agent's key there.
    #[must_use]
    pub fn tls(&self) -> Option<(SocketAddr, Fingerprint)> {
        self.door.as_ref()?.address()
    }

    /// Every connection that may speak to the API.
    pub(super) fn into_incoming(self) -> impl Stream<Item = io::Result<Conn>> {
        let plaintext = futures::stream::iter(self.plaintext).flat_map(TcpListenerStream::new);
        let plaintext = plaintext.filter_map(async |accepted| {
            let stream = accepted_or_later(accepted).await?;
            // Answers are small; waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            Some(Conn::plaintext(stream))
        });
        let tls = futures::stream::iter(self.door).flat_map(Door::into_incoming);
        let local = futures::stream::select(self.socket.into_incoming(), plaintext);
        futures::stream::select(local, tls).map(Ok)
    }
}

/// `[::]` serves both kinds of addresses, where the machine has the newer kind at all.
///
/// # Errors
/// It is not to be had.
pub async fn bind_any(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

/// `None` when no descriptor is free or the peer has gone, after a pause: the listener would say so
/// again at once, and nothing else would run.
async fn accepted_or_later<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(stream) => Some(stream),
        Err(_) => {
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            None
        }
    }
}
