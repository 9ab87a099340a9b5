//! TLS for two that know each other's keys: 1.3 only, both ends show a certificate, and nothing but the key in it counts.
//!
//! Nothing is resumed: a ticket would get past the question whether a client is still known.

mod pins;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ServerSessionMemoryCache};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use crate::{Fingerprint, Identity};
use pins::{Peer, Pins};

/// The name in every certificate, and what a client asks for. Where the agent is reached says nothing about who it is:
/// platforms give it another host and port when they please.
pub const SERVER_NAME: &str = "openclaw-agent";

/// The protocol of those who are known (RFC 9113).
const HTTP2: &[u8] = b"h2";
/// The protocol of [`crate::enroll`].
const ENROLL: &[u8] = b"openclaw-enroll/1";

/// Who is known now. Asked in the middle of a handshake: it may not wait.
pub trait Known: Send + Sync {
    /// Whether this client may come in.
    fn is_known(&self, client: &Fingerprint) -> bool;
}

/// Another agent answers than the one that a client means: what the handshake of [`client`] fails with, inside
/// `rustls::CertificateError::Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent's key is {found}, not {expected}")]
pub struct WrongAgent {
    /// Whose key was to answer.
    pub expected: Fingerprint,
    /// Whose key is in the certificate. That the server has it is not proved.
    pub found: Fingerprint,
}

/// For an agent, towards clients that it knows. Others fail in the handshake, before a byte of HTTP/2 is read.
///
/// A client may be forgotten after that: ask once more with [`client_of`] when the handshake is done.
///
/// # Errors
/// When the key cannot sign.
pub fn server(agent: &Identity, known: Arc<dyn Known>) -> Result<Arc<ServerConfig>, rustls::Error> {
    server_for(agent, Peer::Known(known), HTTP2)
}

/// For an agent, while someone may enroll: any client may come in, to speak [`crate::enroll`] and nothing else.
///
/// # Errors
/// When the key cannot sign.
pub fn enrolling_server(agent: &Identity) -> Result<Arc<ServerConfig>, rustls::Error> {
    server_for(agent, Peer::Anybody, ENROLL)
}

/// Whether this client has come to enroll.
#[must_use]
pub fn wants_to_enroll(hello: &ClientHello<'_>) -> bool {
    hello
        .alpn()
        .is_some_and(|mut offered| offered.any(|protocol| protocol == ENROLL))
}

/// For a client, towards the agent with this key and no other.
///
/// # Errors
/// When the key cannot sign.
pub fn client(client: &Identity, agent: Fingerprint) -> Result<Arc<ClientConfig>, rustls::Error> {
    client_for(client, Peer::Agent(agent), HTTP2)
}

/// For a client that has a code and knows no key yet: [`crate::enroll::ask`] reports whether it is the right one.
///
/// # Errors
/// When the key cannot sign.
pub fn enrolling_client(client: &Identity) -> Result<Arc<ClientConfig>, rustls::Error> {
    client_for(client, Peer::Anybody, ENROLL)
}

/// What a client says in its hello, whatever the address.
#[must_use]
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).expect("it is a name of letters and a hyphen")
}

/// Whose connection it is, when the handshake is done.
#[must_use]
pub fn client_of(connection: &rustls::ServerConnection) -> Option<Fingerprint> {
    Fingerprint::of_certificate(connection.peer_certificates()?.first()?).ok()
}

pub(crate) fn certified_key(identity: &Identity) -> Result<CertifiedKey, rustls::Error> {
    let chain = vec![identity.certificate()];
    let key = identity.private_key().clone_key();
    let signing = provider().key_provider.load_private_key(key)?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match()?;
    Ok(certified)
}

fn server_for(
    agent: &Identity,
    clients: Peer,
    protocol: &[u8],
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let key = SingleCertAndKey::from(certified_key(agent)?);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Pins::new(clients))
        .with_cert_resolver(Arc::new(key));
    config.alpn_protocols = vec![protocol.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = ServerSessionMemoryCache::new(0);
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn client_for(
    client: &Identity,
    agents: Peer,
    protocol: &[u8],
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let key = SingleCertAndKey::from(certified_key(client)?);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Pins::new(agents))
        .with_client_cert_resolver(Arc::new(key));
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
