//! How a client becomes known: one question and one answer of fixed size, over TLS with keys that neither end knows yet.
//!
//! ```text
//! client ── version | code id | name | MAC(code, "client" | exporter | both keys | question) ──> agent
//! client <── verdict | role | MAC(code, "agent" | exporter | both keys | question | verdict | role) ── agent
//! ```
//!
//! Each MAC is HMAC-SHA256 under the code, which neither end says. The exporter (RFC 9266 says why) differs between any
//! two TLS connections: someone in the middle who passes the question on has two of them, and is refused; who answers
//! in the agent's place has no code, and is found out. A code is too long to be guessed from what is said.
//!
//! There is no parser to speak of, and no HTTP/2, for those who are not known.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::ConnectionCommon;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::{client, server};
use zeroize::Zeroizing;

use crate::{Code, CodeId, Fingerprint, Role};

/// The longest name of a client, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 64;

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
/// Version, code id, length of the name, the name and zeros after it.
const REQUEST_BYTES: usize = 1 + 8 + 1 + MAX_NAME_BYTES;
/// Verdict and role.
const VERDICT_BYTES: usize = 2;
const WELCOME: u8 = 0;

/// What a client asks, as the agent read it. Not believed before [`Request::proves`].
pub struct Request {
    question: [u8; REQUEST_BYTES],
    proof: [u8; MAC_BYTES],
    between: Between,
}

/// The client is known from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// What it may do.
    pub role: Role,
    /// The agent's key, proved.
    pub agent: Fingerprint,
    /// The agent's certificate, for programs that want to see it.
    pub certificate: Vec<u8>,
}

/// Why the agent does not take a client in. A number keeps its meaning for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such code, or one that does not prove itself: also what someone in the middle gets.
    #[error("unknown enrolment code")]
    Unknown,
    /// Someone was enrolled with it.
    #[error("the code was used already")]
    Used,
    /// Too late.
    #[error("the code has expired")]
    Expired,
    /// As many clients as there may be.
    #[error("the agent has its maximum number of clients")]
    Full,
    /// Another client has this name.
    #[error("another client has this name already")]
    NameTaken,
    /// It could not be kept.
    #[error("the agent could not store the client")]
    NotKept,
    /// A number of a later version.
    #[error("the agent refused, for a reason that this version does not know")]
    Other,
}

/// Why a client is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The agent said so. The code may still be good; see the refusal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer was not made with the code: it is not the agent that answers. The code should be thrown away.
    #[error("the server that answered does not have the code: it is not the agent that issued it")]
    NotTheAgent,
    /// The name is empty or too long, or has characters that do not print.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The answer is of another version.
    #[error("this version cannot read the answer")]
    Nonsense,
    /// The connection broke. The agent may have enrolled the client: try whether it is known.
    #[error("the connection was lost before the agent answered")]
    Io(#[from] std::io::Error),
}

/// Why a question is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It is of another version, or of something else altogether.
    #[error("this version cannot read the request")]
    Nonsense,
    /// The connection broke.
    #[error("the connection was lost in the middle of the request")]
    Io(#[from] std::io::Error),
}

/// A name that a client cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a client's name has 1 to {MAX_NAME_BYTES} bytes of UTF-8, without control characters and without white space at either end"
)]
pub struct BadName;

/// Whether a client can have this name.
///
/// # Errors
/// When it cannot.
pub fn check_name(name: &str) -> Result<(), BadName> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len());
    let prints = !name.chars().any(char::is_control) && name.trim() == name;
    if fits && prints { Ok(()) } else { Err(BadName) }
}

/// Asks the agent at the other end to take this client in, by the code that came from it.
///
/// # Errors
/// When it does not, or it is not the agent, or it cannot be known.
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
    let between = Between::new(stream.get_ref().1, own, agent).ok_or(AskError::Nonsense)?;

    let question = question(code.id(), name);
    let mut frame = [0; REQUEST_BYTES + MAC_BYTES];
    frame[..REQUEST_BYTES].copy_from_slice(&question);
    frame[REQUEST_BYTES..]
        .copy_from_slice(&between.client(code, &question).finalize().into_bytes());
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
    let expected = between.agent(code, &question, [*verdict, *role]);
    expected
        .verify_slice(proof)
        .map_err(|_| AskError::NotTheAgent)?;
    Ok(Welcome {
        role: Role::from_byte(*role).ok_or(AskError::Nonsense)?,
        agent,
        certificate: certificate.to_vec(),
    })
}

/// Reads what a client asks.
///
/// # Errors
/// When it is nothing of the kind.
pub async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut server::TlsStream<S>,
    agent: Fingerprint,
) -> Result<Request, ReceiveError> {
    let client = crate::tls::client_of(stream.get_ref().1).ok_or(ReceiveError::Nonsense)?;
    let between = Between::new(stream.get_ref().1, client, agent).ok_or(ReceiveError::Nonsense)?;
    let mut frame = [0; REQUEST_BYTES + MAC_BYTES];
    stream.read_exact(&mut frame).await?;
    let (question, proof) = frame.split_first_chunk().ok_or(ReceiveError::Nonsense)?;
    let request = Request {
        question: *question,
        proof: std::array::from_fn(|at| proof[at]),
        between,
    };
    let sensible = request.question[0] == VERSION && request.read_name().is_some();
    sensible.then_some(request).ok_or(ReceiveError::Nonsense)
}

/// Reports the client that it is known: once that is durable.
///
/// # Errors
/// When the connection broke.
pub async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut server::TlsStream<S>,
    request: &Request,
    code: &Code,
    role: Role,
) -> std::io::Result<()> {
    let verdict = [WELCOME, role.to_byte()];
    let proof = request.between.agent(code, &request.question, verdict);
    answer(stream, verdict, &proof.finalize().into_bytes().into()).await
}

/// Reports the client that it is not taken in.
///
/// # Errors
/// When the connection broke.
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
    /// Which code it is made with.
    #[must_use]
    pub fn code(&self) -> CodeId {
        CodeId(std::array::from_fn(|at| self.question[1 + at]))
    }

    /// What the client wants to be called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.read_name().unwrap_or_default()
    }

    /// The client's key.
    #[must_use]
    pub const fn client(&self) -> Fingerprint {
        self.between.client
    }

    /// Whether the client has this code, and is at the other end of this very connection.
    #[must_use]
    pub fn proves(&self, code: &Code) -> bool {
        let expected = self.between.client(code, &self.question);
        expected.verify_slice(&self.proof).is_ok()
    }

    fn read_name(&self) -> Option<&str> {
        let length = usize::from(self.question[9]);
        let (name, rest) = self.question[10..].split_at_checked(length)?;
        let name = std::str::from_utf8(name).ok()?;
        let zeros = rest.iter().all(|byte| *byte == 0);
        (zeros && check_name(name).is_ok()).then_some(name)
    }
}

fn question(code: CodeId, name: &str) -> [u8; REQUEST_BYTES] {
    let mut question = [0; REQUEST_BYTES];
    question[0] = VERSION;
    question[1..9].copy_from_slice(&code.0);
    question[9] = u8::try_from(name.len()).expect("checked: it is no longer than 64 bytes");
    question[10..10 + name.len()].copy_from_slice(name.as_bytes());
    question
}

/// What is between two ends, and between no others.
struct Between {
    exporter: Zeroizing<[u8; 32]>,
    client: Fingerprint,
    agent: Fingerprint,
}

impl Between {
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

    /// `HMAC-SHA256(code, label | 0 | exporter | client's key | agent's key | question)`.
    fn mac(&self, label: &str, code: &Code, question: &[u8; REQUEST_BYTES]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(code.secret());
        let mut mac = mac.expect("HMAC takes a key of any length");
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(&*self.exporter);
        mac.update(self.client.as_bytes());
        mac.update(self.agent.as_bytes());
        mac.update(question);
        mac
    }

    fn client(&self, code: &Code, question: &[u8; REQUEST_BYTES]) -> Hmac<Sha256> {
        self.mac("openclaw-enroll/1 client", code, question)
    }

    fn agent(
        &self,
        code: &Code,
        question: &[u8; REQUEST_BYTES],
        verdict: [u8; VERDICT_BYTES],
    ) -> Hmac<Sha256> {
        let mut mac = self.mac("openclaw-enroll/1 agent", code, question);
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
