//! The format of a context's file: JSON, with keys and certificates as base64 of their DER.
//!
//! Text with a key is built in a single buffer that is wiped; a key that is read is decoded from there into its own
//! memory.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use openclaw_trust::Identity;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Agent, Context, Name, Pending};

/// Larger than any context file.
pub(super) const MAX_FILE_BYTES: usize = 16 * 1024;
const VERSION: u32 = 1;

/// The fields of a file. A pending one has fewer.
#[derive(Serialize, Deserialize)]
struct File<'a> {
    version: u32,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrolled: Option<Enrolled>,
    certificate: String,
    /// Borrowed: base64 needs no escapes, so no copy of the key is made.
    key: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Enrolled {
    agent: String,
    agent_certificate: String,
    client: String,
    role: String,
    at: Option<String>,
}

/// The file is not a context file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Invalid;

/// Serializes a context.
pub(super) fn write(context: &Context) -> Zeroizing<Vec<u8>> {
    let Context {
        name: _,
        endpoint,
        identity,
        client,
        role,
        agent,
        enrolled_at,
    } = context;
    let enrolled = Enrolled {
        agent: agent.fingerprint.to_string(),
        agent_certificate: BASE64_STANDARD.encode(&agent.certificate),
        client: client.clone(),
        role: role.to_string(),
        at: enrolled_at.map(|at| at.to_string()),
    };
    text(&endpoint.to_string(), identity, Some(enrolled))
}

/// Serializes a pending key.
pub(super) fn write_pending(pending: &Pending) -> Zeroizing<Vec<u8>> {
    let Pending { endpoint, identity } = pending;
    text(&endpoint.to_string(), identity, None)
}

/// Parses a context file.
pub(super) fn read(name: Name, text: &[u8]) -> Result<Context, Invalid> {
    let (pending, enrolled) = parse(text)?;
    let Pending { endpoint, identity } = pending;
    let Enrolled {
        agent,
        agent_certificate,
        client,
        role,
        at,
    } = enrolled.ok_or(Invalid)?;
    Ok(Context {
        name,
        endpoint,
        identity,
        client,
        role: role.parse().map_err(|_| Invalid)?,
        agent: Agent {
            fingerprint: agent.parse().map_err(|_| Invalid)?,
            certificate: BASE64_STANDARD
                .decode(agent_certificate)
                .map_err(|_| Invalid)?,
        },
        enrolled_at: at.and_then(|at| at.parse().ok()),
    })
}

/// Parses a pending key's file.
pub(super) fn read_pending(text: &[u8]) -> Result<Pending, Invalid> {
    parse(text).map(|(pending, _)| pending)
}

fn text(endpoint: &str, identity: &Identity, enrolled: Option<Enrolled>) -> Zeroizing<Vec<u8>> {
    let key = Zeroizing::new(BASE64_STANDARD.encode(identity.key_der()));
    let file = File {
        version: VERSION,
        endpoint: endpoint.to_owned(),
        enrolled,
        certificate: BASE64_STANDARD.encode(identity.certificate_der()),
        key: &key,
    };
    // Allocated at full size: a buffer that grows would leave unwiped copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES));
    serde_json::to_writer_pretty(&mut *text, &file).expect("serializing to memory does not fail");
    text.push(b'\n');
    text
}

fn parse(text: &[u8]) -> Result<(Pending, Option<Enrolled>), Invalid> {
    let File {
        version,
        endpoint,
        enrolled,
        certificate,
        key,
    } = serde_json::from_slice(text).map_err(|_| Invalid)?;
    if version != VERSION {
        return Err(Invalid);
    }
    let key = BASE64_STANDARD.decode(key).map_err(|_| Invalid)?;
    let key = Zeroizing::new(key);
    let certificate = BASE64_STANDARD.decode(certificate).map_err(|_| Invalid)?;
    let pending = Pending {
        endpoint: endpoint.parse().map_err(|_| Invalid)?,
        identity: Identity::from_der(key, certificate).map_err(|_| Invalid)?,
    };
    Ok((pending, enrolled))
}
