//! The enrolment of a client: one request and one response of fixed size, over TLS with keys that neither end knows
//! yet.
//!
//! ```text
//! client ── version | code id | name | MAC(code, "client" | exporter | both keys | request) ──> agent
//! client <── verdict | role | MAC(code, "agent" | exporter | both keys | request | verdict | role) ── agent
//! ```
//!
//! Each MAC is HMAC-SHA256 with the code as its key; the code itself is never sent. The exporter (RFC 9266 explains
//! it) is different for any two TLS connections. A man in the middle who relays the request has two connections, so
//! the MAC does not match and the request is refused. Someone who impersonates the agent does not have the code and
//! is detected. A code is too long to be guessed from the exchange.
//!
//! Unknown clients reach hardly any parser, and no HTTP/2.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::ConnectionCommon;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::{client, server};
use zeroize::Zeroizing;

use crate::{Code, CodeId, Fingerprint, Role};

/// The maximum length of a client's name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 64;

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
/// Version, code id, length of the name, and the name padded with zeros.
const REQUEST_BYTES: usize = 1 + 8 + 1 + MAX_NAME_BYTES;
/// Verdict and role.
const VERDICT_BYTES: usize = 2;
const WELCOME: u8 = 0;

/// A client's request as the agent received it. Not trusted before [`Request::proves`] returns true.
pub struct Request {
    bytes: [u8; REQUEST_BYTES],
    proof: [u8; MAC_BYTES],
    binding: Binding,
}

/// The response to a client that was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The client's role.
    pub role: Role,
    /// The agent's key, which it has proved to own.
    pub agent: Fingerprint,
    /// The agent's certificate, for programs that need it.
    pub certificate: Vec<u8>,
}

/// Why the agent does not enroll a client. The numbers are part of the protocol and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such code, or the client did not prove that it has it. A man in the middle gets this, too.
    #[error("unknown enrolment code")]
    Unknown,
    /// Another client was enrolled with this code.
    #[error("the code was used already")]
    Used,
    /// The code has expired.
    #[error("the code has expired")]
    Expired,
    /// The limit for clients is reached.
    #[error("the agent has its maximum number of clients")]
    Full,
    /// Another client has this name.
    #[error("another client has this name already")]
    NameTaken,
    /// The client could not be stored.
    #[error("the agent could not store the client")]
    NotKept,
    /// A number of a newer version.
    #[error("the agent refused, for a reason that this version does not know")]
    Other,
}

/// Why a client was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The agent refused. The code may still be valid, depending on the refusal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The response was not made with the code, so it is not from the agent. The code should be discarded.
    #[error("the server that answered does not have the code: it is not the agent that issued it")]
    NotTheAgent,
    /// The name is empty or too long, or has characters that are not printable.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The response is of another version.
    #[error("this version cannot read the answer")]
    Nonsense,
    /// The connection was lost. The agent may have enrolled the client: try to connect.
    #[error("the connection was lost before the agent answered")]
    Io(#[from] std::io::Error),
}

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The request is of another version, or of another protocol.
    #[error("this version cannot read the request")]
    Nonsense,
    /// The connection was lost.
    #[error("the connection was lost in the middle of the request")]
    Io(#[from] std::io::Error),
}

/// The name is not valid for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a client's name has 1 to {MAX_NAME_BYTES} bytes of UTF-8, without control characters and without white space at either end"
)]
pub struct BadName;

/// Checks a client's name.
///
/// # Errors
/// The name is invalid.
pub fn check_name(name: &str) -> Result<(), BadName> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len());
    let prints = !name.chars().any(char::is_control) && name.trim() == name;
    if fits && prints { Ok(()) } else { Err(BadName) }
}

/// Enrolls this client with the agent at the other end, with a code from that agent.
///
/// # Errors
/// The agent refuses, it is not the agent that issued the code, or the result is unknown.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut client::TlsStream<S>,
    code: &Code,
    own: Fingerprint,
    name: &str,
) -> Result<Welcome, AskError> {
    check_name(name)?;
    let certificate = stream.get_ref().1.peer_certificates();
    let certificate = certificate
        .and_then(<[_]>::first)
        .ok_or(AskError::Nonsense)?;
    let certificate = certificate.clone().into_owned();
    let agent = Fingerprint::of_certificate(&certificate).map_err(|_| AskError::Nonsense)?;
    let binding = Binding::new(stream.get_ref().1, own, agent).ok_or(AskError::Nonsense)?;

    let request = request(code.id(), name);
    let mut frame = [0; REQUEST_BYTES + MAC_BYTES];
    frame[..REQUEST_BYTES].copy_from_slice(&request);
    frame[REQUEST_BYTES..].copy_from_slice(&binding.client(code, &request).finalize().into_bytes());
    stream.write_all(&frame).await?;
    stream.flush().await?;

    let mut answer = [0; VERDICT_BYTES + MAC_BYTES];
    stream.read_exact(&mut answer).await?;
    let ([verdict, role], proof) = answer
        .split_first_chunk::<VERDICT_BYTES>()
        .ok_or(AskError::Nonsense)?;
    if let Some(refusal) = Refusal::from_byte(*verdict) {
        return Err(refusal.into());
    }
    let expected = binding.agent(code, &request, [*verdict, *role]);
    expected
        .verify_slice(proof)
        .map_err(|_| AskError::NotTheAgent)?;
    Ok(Welcome {
        role: Role::from_byte(*role).ok_or(AskError::Nonsense)?,
        agent,
        certificate: certificate.to_vec(),
    })
}

/// Receives a client's request.
///
/// # Errors
/// It is not a valid request.
pub async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut server::TlsStream<S>,
    agent: Fingerprint,
) -> Result<Request, ReceiveError> {
    let client = crate::tls::client_of(stream.get_ref().1).ok_or(ReceiveError::Nonsense)?;
    let binding = Binding::new(stream.get_ref().1, client, agent).ok_or(ReceiveError::Nonsense)?;
    let mut frame = [0; REQUEST_BYTES + MAC_BYTES];
    stream.read_exact(&mut frame).await?;
    let (request, proof) = frame.split_first_chunk().ok_or(ReceiveError::Nonsense)?;
    let request = Request {
        bytes: *request,
        proof: std::array::from_fn(|at| proof[at]),
        binding,
    };
    let sensible = request.bytes[0] == VERSION && request.read_name().is_some();
    sensible.then_some(request).ok_or(ReceiveError::Nonsense)
}

/// Sends the client the confirmation. Call it once the enrolment is durable.
///
/// # Errors
/// The connection was lost.
pub async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut server::TlsStream<S>,
    request: &Request,
    code: &Code,
    role: Role,
) -> std::io::Result<()> {
    let verdict = [WELCOME, role.to_byte()];
    let proof = request.binding.agent(code, &request.bytes, verdict);
    answer(stream, verdict, &proof.finalize().into_bytes().into()).await
}

/// Sends the client a refusal.
///
/// # Errors
/// The connection was lost.
pub async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut server::TlsStream<S>,
    refusal: Refusal,
) -> std::io::Result<()> {
    answer(stream, [refusal.to_byte(), 0], &[0; MAC_BYTES]).await
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut server::TlsStream<S>,
    verdict: [u8; VERDICT_BYTES],
    proof: &[u8; MAC_BYTES],
) -> std::io::Result<()> {
    let mut frame = [0; VERDICT_BYTES + MAC_BYTES];
    frame[..VERDICT_BYTES].copy_from_slice(&verdict);
    frame[VERDICT_BYTES..].copy_from_slice(proof);
    stream.write_all(&frame).await?;
    stream.flush().await?;
    stream.shutdown().await
}

impl Request {
    /// The id of the code.
    #[must_use]
    pub fn code(&self) -> CodeId {
        CodeId(std::array::from_fn(|at| self.bytes[1 + at]))
    }

    /// The requested name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.read_name().unwrap_or_default()
    }

    /// The fingerprint of the client's key.
    #[must_use]
    pub const fn client(&self) -> Fingerprint {
        self.binding.client
    }

    /// True if the client has this code and is at the other end of this connection.
    #[must_use]
    pub fn proves(&self, code: &Code) -> bool {
        let expected = self.binding.client(code, &self.bytes);
        expected.verify_slice(&self.proof).is_ok()
    }

    fn read_name(&self) -> Option<&str> {
        let length = usize::from(self.bytes[9]);
        let (name, rest) = self.bytes[10..].split_at_checked(length)?;
        let name = std::str::from_utf8(name).ok()?;
        let zeros = rest.iter().all(|byte| *byte == 0);
        (zeros && check_name(name).is_ok()).then_some(name)
    }
}

fn request(code: CodeId, name: &str) -> [u8; REQUEST_BYTES] {
    let mut request = [0; REQUEST_BYTES];
    request[0] = VERSION;
    request[1..9].copy_from_slice(&code.0);
    request[9] = u8::try_from(name.len()).expect("checked: it is no longer than 64 bytes");
    request[10..10 + name.len()].copy_from_slice(name.as_bytes());
    request
}

/// What identifies a connection binding two ends: the exporter and both keys.
struct Binding {
    exporter: Zeroizing<[u8; 32]>,
    client: Fingerprint,
    agent: Fingerprint,
}

impl Binding {
    fn new<Data>(
        connection: &ConnectionCommon<Data>,
        client: Fingerprint,
        agent: Fingerprint,
    ) -> Option<Self> {
        let label = b"EXPORTER-openclaw-enroll";
        let exporter = connection.export_keying_material([0; 32], label, None);
        Some(Self {
            exporter: Zeroizing::new(exporter.ok()?),
            client,
            agent,
        })
    }

    /// `HMAC-SHA256(code, label | 0 | exporter | client's key | agent's key | request)`.
    fn mac(&self, label: &str, code: &Code, request: &[u8; REQUEST_BYTES]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(code.secret());
        let mut mac = mac.expect("HMAC accepts keys of any length");
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(&*self.exporter);
        mac.update(self.client.as_bytes());
        mac.update(self.agent.as_bytes());
        mac.update(request);
        mac
    }

    fn client(&self, code: &Code, request: &[u8; REQUEST_BYTES]) -> Hmac<Sha256> {
        self.mac("openclaw-enroll/1 client", code, request)
    }

    fn agent(
        &self,
        code: &Code,
        request: &[u8; REQUEST_BYTES],
        verdict: [u8; VERDICT_BYTES],
    ) -> Hmac<Sha256> {
        let mut mac = self.mac("openclaw-enroll/1 agent", code, request);
        mac.update(&verdict);
        mac
    }
}

impl Refusal {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Unknown => 1,
            Self::Used => 2,
            Self::Expired => 3,
            Self::Full => 4,
            Self::NameTaken => 5,
            Self::NotKept => 6,
            Self::Other => u8::MAX,
        }
    }

    /// `None` for a welcome.
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            WELCOME => None,
            1 => Some(Self::Unknown),
            2 => Some(Self::Used),
            3 => Some(Self::Expired),
            4 => Some(Self::Full),
            5 => Some(Self::NameTaken),
            6 => Some(Self::NotKept),
            _ => Some(Self::Other),
        }
    }
}
