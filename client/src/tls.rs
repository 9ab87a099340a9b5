//! A TLS connection to an agent that this client is enrolled with, or enrolls with.
//!
//! Failures are classified here, where the cause is still known: HTTP/2 would report each as a lost connection.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openclaw_trust::Identity;
use openclaw_trust::tls::{self, WrongAgent};
use rustls::{AlertDescription, CertificateError, ClientConfig, InvalidMessage};
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::{Endpoint, Peer};

/// For name lookup, connection and handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For one of several addresses, so that the others are tried in time.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection to an agent.
pub type Stream = TlsStream<TcpStream>;

/// Why the connection failed.
#[derive(Debug)]
pub enum Error {
    /// No address was found for the name.
    Name,
    /// No TCP connection.
    Connect(io::Error),
    /// No data arrived within the limit.
    Silent,
    /// The server does not speak TLS.
    NotTls,
    /// The server has another key than the enrolled one.
    WrongAgent(WrongAgent),
    /// The agent does not know this client's key.
    Unknown,
    /// The server is not an agent, or accepts no enrolment now.
    OtherProtocol,
    /// The connection was closed before any data arrived.
    Closed,
    /// Any other error.
    Other(io::Error),
    /// This client's own key cannot be used.
    Key(rustls::Error),
}

/// Connects with the client's key, and waits until the agent has accepted it.
///
/// # Errors
/// No connection, another server, or a key that the agent does not know.
pub async fn connect(peer: &impl Peer) -> Result<Stream, Error> {
    let config = tls::client(peer.identity(), peer.fingerprint()).map_err(Error::Key)?;
    within(CONNECT_TIMEOUT, async {
        let mut stream = open(peer.endpoint(), config).await?;
        // With TLS 1.3, a client learns only after the handshake whether its key is accepted. HTTP/2 servers send
        // first, so their first byte is awaited.
        match stream.fill_buf().await {
            Ok([]) => Err(Error::Closed),
            Ok(_) => Ok(stream),
            Err(error) => Err(classify(error)),
        }
    })
    .await
}

/// Connects with the client's key, and returns the agent's certificate.
///
/// # Errors
/// As [`connect`].
pub async fn certificate(peer: &impl Peer) -> Result<Vec<u8>, Error> {
    let stream = connect(peer).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(<[_]>::first).ok_or(Error::NotTls)?;
    Ok(certificate.to_vec())
}

/// Connects to any agent, without a pinned key, to enroll.
///
/// # Errors
/// No connection, or a server that accepts no enrolment.
pub async fn connect_to_enroll(endpoint: &Endpoint, identity: &Identity) -> Result<Stream, Error> {
    let config = tls::enrolling_client(identity).map_err(Error::Key)?;
    within(CONNECT_TIMEOUT, open(endpoint, config)).await
}

async fn open(endpoint: &Endpoint, config: Arc<ClientConfig>) -> Result<Stream, Error> {
    let tcp = dial(endpoint).await?;
    // Requests are small and latency matters, so Nagle's algorithm is off.
    tcp.set_nodelay(true).map_err(Error::Connect)?;
    TlsConnector::from(config)
        .connect(tls::server_name(), tcp)
        .await
        .map_err(classify)
}

async fn dial(endpoint: &Endpoint) -> Result<TcpStream, Error> {
    let found = tokio::net::lookup_host((endpoint.host(), endpoint.port())).await;
    let addresses: Vec<_> = found.map_err(|_| Error::Name)?.collect();
    let limit = if addresses.len() > 1 {
        ADDRESS_TIMEOUT
    } else {
        CONNECT_TIMEOUT
    };
    let mut last = Error::Name;
    for address in addresses {
        let attempt = async { TcpStream::connect(address).await.map_err(Error::Connect) };
        match within(limit, attempt).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(Error::Silent))
}

/// Classifies a rustls error into the cases that a person can act on.
fn classify(error: io::Error) -> Error {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            match other.0.downcast_ref::<WrongAgent>() {
                Some(wrong) => Error::WrongAgent(*wrong),
                None => Error::Other(error),
            }
        }
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge,
        )) => Error::NotTls,
        Some(rustls::Error::AlertReceived(alert)) => match alert {
            AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnknownCA => Error::Unknown,
            AlertDescription::NoApplicationProtocol
            | AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::UnrecognisedName => Error::OtherProtocol,
            _ => Error::Other(error),
        },
        Some(rustls::Error::NoApplicationProtocol | rustls::Error::PeerIncompatible(_)) => {
            Error::OtherProtocol
        }
        Some(_) => Error::Other(error),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Error::Closed,
            _ => Error::Other(error),
        },
    }
}

/// The reason only, without the address.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Resolvers report the same error in many ways.
            Self::Name => f.write_str("no address was found for its name"),
            Self::Connect(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => f.write_str("nothing listens there"),
                _ => error.fmt(f),
            },
            Self::Silent => write!(f, "nothing answered within {} s", CONNECT_TIMEOUT.as_secs()),
            Self::NotTls => f.write_str("the server does not speak TLS"),
            Self::WrongAgent(_) => f.write_str("the server has another key"),
            Self::Unknown => f.write_str("it does not know this key"),
            Self::OtherProtocol => f.write_str("the server is not an agent"),
            Self::Closed => f.write_str("the connection was closed before any data arrived"),
            Self::Other(error) => error.fmt(f),
            Self::Key(error) => write!(f, "this client's key cannot be used: {error}"),
        }
    }
}

impl std::error::Error for Error {}
