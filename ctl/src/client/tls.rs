//! A TLS connection to the agent of a context, or to one that this client enrolls with.
//!
//! Failures are classified here, where the cause is still known: HTTP/2 would report each as a lost connection.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openclaw_trust::tls::{self, WrongAgent};
use openclaw_trust::{Fingerprint, Identity};
use rustls::{AlertDescription, CertificateError, ClientConfig, InvalidMessage};
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::context::{Context, Name};
use crate::endpoint::Endpoint;
use crate::failure::{Exit, Failure};

/// For name lookup, connection and handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For one of several addresses, so that the others are tried in time.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// The hint for getting a code.
pub(crate) const GET_A_CODE: &str = "an admin makes a code with `openclawctl clients invite`; an agent without clients writes one to its log when it starts";
/// The reason when the server accepts no enrolment.
pub(crate) const NO_ENROLMENT: &str = "NO_ENROLMENT";

pub(crate) type Stream = TlsStream<TcpStream>;

/// Why the connection failed.
#[derive(Debug)]
pub(crate) enum Error {
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

/// Connects with the context's key, and waits until the agent has accepted it.
pub(super) async fn connect(context: &Context) -> Result<Stream, Error> {
    let config =
        tls::client(context.identity(), context.agent().fingerprint).map_err(Error::Key)?;
    within(CONNECT_TIMEOUT, async {
        let mut stream = open(context.endpoint(), config).await?;
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

/// Connects with the context's key, and returns the agent's certificate.
pub(crate) async fn certificate(context: &Context) -> Result<Vec<u8>, Error> {
    let stream = connect(context).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(<[_]>::first).ok_or(Error::NotTls)?;
    Ok(certificate.to_vec())
}

/// Connects to any agent, without a pinned key, to enroll.
pub(crate) async fn connect_to_enroll(
    endpoint: &Endpoint,
    identity: &Identity,
) -> Result<Stream, Error> {
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

impl Error {
    /// The failure for a connection with `context`.
    pub(crate) fn in_context(&self, context: &Name, endpoint: &Endpoint) -> Failure {
        let enroll = format!("openclawctl enroll {endpoint} --context {context} --force");
        match self {
            Self::WrongAgent(WrongAgent { expected, found }) => {
                wrong_agent(endpoint, expected, found).with_hint(format!(
                    "do not continue unless you know why: someone may intercept the connection. If the agent was set up again (its log shows its key), run `{enroll}` with a new code"
                ))
            }
            Self::Unknown => Failure::new(format!(
                "the agent at {endpoint} does not know this key: it was revoked, or the agent was set up again"
            ))
            .with_exit(Exit::Refused)
            .with_reason("KEY_UNKNOWN")
            .with_hint(format!(
                "ask an admin for a code (`openclawctl clients invite`), then `{enroll}`"
            )),
            _ => self.on_the_way(endpoint),
        }
    }

    /// The failure for a context that is not saved yet: the agent should know this user's key from its settings.
    pub(crate) fn in_addition(&self, context: &Context) -> Failure {
        let endpoint = context.endpoint();
        match self {
            Self::WrongAgent(WrongAgent { expected, found }) => Failure::new(format!(
                "the key of the server at {endpoint} is {found}, not {expected}"
            ))
            .with_exit(Exit::Refused)
            .with_reason("WRONG_AGENT")
            .with_hint("compare it with the agent's log, which you read over a way that you trust: someone may intercept the connection"),
            Self::Unknown => Failure::new(format!(
                "the agent at {endpoint} does not know the key {}",
                context.identity().fingerprint()
            ))
            .with_exit(Exit::Refused)
            .with_reason("KEY_UNKNOWN")
            .with_hint("list it in the agent's OPENCLAW_CLIENT_KEYS, as NAME:ROLE:SHA256:…, and restart the agent; or it was revoked there"),
            _ => self.on_the_way(endpoint),
        }
    }

    /// The failure for an enrolment.
    pub(crate) fn in_enrolment(&self, endpoint: &Endpoint) -> Failure {
        match self {
            Self::OtherProtocol | Self::Unknown => Failure::new(format!(
                "the server at {endpoint} accepts no enrolment: no code is valid now (this one was used, or has expired), or it is not an agent"
            ))
            .with_exit(Exit::Refused)
            .with_reason(NO_ENROLMENT)
            .with_hint(GET_A_CODE),
            _ => self.on_the_way(endpoint),
        }
    }

    fn on_the_way(&self, endpoint: &Endpoint) -> Failure {
        let why = format!("cannot reach the agent at {endpoint}: {self}");
        let (reason, hint) = match self {
            Self::Name => (
                "NO_SUCH_HOST",
                "check the host's spelling, and that this machine is online",
            ),
            Self::Connect(_) => (
                "UNREACHABLE",
                "check that the agent runs with --listen, and that the port is the one its platform gives it",
            ),
            Self::Silent => (
                "NO_ANSWER",
                "check that the agent runs, and that no firewall is in between",
            ),
            Self::NotTls | Self::OtherProtocol => (
                "NOT_AN_AGENT",
                "the port must reach the agent's --listen as raw TCP (a TCP proxy, not HTTP)",
            ),
            Self::Closed => (
                "CLOSED",
                "see the agent's log: it may be at its connection limit, or a proxy in between closes because the agent does not run",
            ),
            _ => ("UNREACHABLE", "see the agent's log"),
        };
        Failure::unreachable(why)
            .with_reason(reason)
            .with_hint(hint)
    }
}

fn wrong_agent(endpoint: &Endpoint, expected: &Fingerprint, found: &Fingerprint) -> Failure {
    Failure::new(format!(
        "the server at {endpoint} is not the agent that you enrolled with: its key is {found}, not {expected}"
    ))
    .with_exit(Exit::Refused)
    .with_reason("WRONG_AGENT")
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
