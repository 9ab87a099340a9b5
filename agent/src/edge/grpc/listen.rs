//! The API's listeners: a unix socket for the agent's user, TLS for enrolled clients, and plain text on loopback if
//! configured.
//!
//! ```text
//! unix   the socket and its access check  tls       the TLS listener: handshakes, enrolment, access
//! conn   one connection of any kind       refusals  the log of refused connections, at most one line a minute
//! seats  the limit of connections, and which one is closed
//! ```

mod conn;
mod refusals;
mod seats;
mod tls;
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
use openclaw_state::clients::Clients;
use tls::TlsListener;
use unix::Socket;

/// How long a listener pauses after a failed accept.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Why the API cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The socket's directory cannot be created.
    #[error("cannot make the directory {}", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Another process accepts connections on the path.
    #[error("another process listens on {} (is another agent running?)", .0.display())]
    Taken(PathBuf),
    /// The path exists and is not a socket.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The socket cannot be bound.
    #[error("cannot listen on {}", .0.display())]
    Unix(PathBuf, #[source] io::Error),
    /// The address cannot be bound.
    #[error("cannot listen on {0}")]
    Tcp(SocketAddr, #[source] io::Error),
    /// The agent's key cannot be used for TLS.
    #[error("cannot serve TLS with the agent's key: {0}")]
    Key(String),
}

/// Bound, not yet accepting.
pub struct Listeners {
    socket: Socket,
    plaintext: Option<TcpListener>,
    tls_listener: Option<TlsListener>,
}

impl Listeners {
    /// Binds the unix socket and, if asked, a plain-text address.
    ///
    /// # Errors
    /// A listener cannot be bound.
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
            tls_listener: None,
        })
    }

    /// Adds a TLS listener.
    ///
    /// # Errors
    /// The address cannot be bound, or the key cannot be used.
    pub async fn with_tls(
        mut self,
        address: SocketAddr,
        identity: &Identity,
        clients: Clients,
    ) -> Result<Self, ListenError> {
        let listener = bind_any(address)
            .await
            .map_err(|error| ListenError::Tcp(address, error))?;
        let listener = TlsListener::new(listener, identity, clients);
        self.tls_listener = Some(listener.map_err(|error| ListenError::Key(error.to_string()))?);
        Ok(self)
    }

    /// The address of the plain-text listener, if there is one.
    #[must_use]
    pub fn plaintext_address(&self) -> Option<SocketAddr> {
        self.plaintext.as_ref()?.local_addr().ok()
    }

    /// The TLS address, and the fingerprint of the agent's key.
    #[must_use]
    pub fn tls(&self) -> Option<(SocketAddr, Fingerprint)> {
        self.tls_listener.as_ref()?.address()
    }

    /// All accepted connections that may use the API.
    pub(super) fn into_incoming(self) -> impl Stream<Item = io::Result<Conn>> {
        let plaintext = futures::stream::iter(self.plaintext).flat_map(TcpListenerStream::new);
        let plaintext = plaintext.filter_map(async |accepted| {
            let stream = accepted_or_later(accepted).await?;
            // Responses are small; Nagle's algorithm only delays them.
            let _ = stream.set_nodelay(true);
            Some(Conn::plaintext(stream))
        });
        let tls = futures::stream::iter(self.tls_listener).flat_map(TlsListener::into_incoming);
        let local = futures::stream::select(self.socket.into_incoming(), plaintext);
        futures::stream::select(local, tls).map(Ok)
    }
}

/// Binds an address. `[::]` accepts IPv4 as well, and falls back to IPv4 on a machine without IPv6.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind_any(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

/// `None`, after a pause, if no file descriptor is free or the peer has gone. Without the pause, the accept would fail
/// again at once in a busy loop.
async fn accepted_or_later<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(stream) => Some(stream),
        Err(_) => {
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            None
        }
    }
}
