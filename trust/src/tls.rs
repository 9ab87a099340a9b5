//! TLS between two ends that know each other's key: only TLS 1.3, both ends send a certificate, and only its key is
//! checked.
//!
//! Sessions are never resumed: with a ticket, a revoked client could connect without a check of its key.

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

/// The name in every certificate, and the server name that clients request. The agent's address does not identify it:
/// platforms can change its host and port.
pub const SERVER_NAME: &str = "openclaw-agent";

/// The protocol for enrolled clients (RFC 9113).
const HTTP2: &[u8] = b"h2";
/// The protocol of [`crate::enroll`].
const ENROLL: &[u8] = b"openclaw-enroll/1";

/// The enrolled clients. Called during a handshake, so it must not block.
pub trait Known: Send + Sync {
    /// True if this client is enrolled.
    fn is_known(&self, client: &Fingerprint) -> bool;
}

/// Another agent responded than the one that the client expects. A handshake with the configuration of [`client`]
/// fails with this error, inside `rustls::CertificateError::Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent's key is {found}, not {expected}")]
pub struct WrongAgent {
    /// The fingerprint of the expected agent.
    pub expected: Fingerprint,
    /// The fingerprint of the key in the certificate. The server has not proved that it owns the key.
    pub found: Fingerprint,
}

/// A configuration for the agent that accepts enrolled clients. Others fail in the handshake, before any HTTP/2 is
/// parsed.
///
/// A client may be revoked during the handshake: check again with [`client_of`] when it is done.
///
/// # Errors
/// The key cannot sign.
pub fn server(agent: &Identity, known: Arc<dyn Known>) -> Result<Arc<ServerConfig>, rustls::Error> {
    server_for(agent, Peer::Known(known), HTTP2)
}

/// A configuration for the agent while a code is open: accepts any client, but only for [`crate::enroll`].
///
/// # Errors
/// The key cannot sign.
pub fn enrolling_server(agent: &Identity) -> Result<Arc<ServerConfig>, rustls::Error> {
    server_for(agent, Peer::Anyone, ENROLL)
}

/// True if the client requests the enrolment protocol.
#[must_use]
pub fn wants_to_enroll(hello: &ClientHello<'_>) -> bool {
    hello
        .alpn()
        .is_some_and(|mut offered| offered.any(|protocol| protocol == ENROLL))
}

/// A configuration for a client that accepts only the agent with this key.
///
/// # Errors
/// The key cannot sign.
pub fn client(client: &Identity, agent: Fingerprint) -> Result<Arc<ClientConfig>, rustls::Error> {
    client_for(client, Peer::Agent(agent), HTTP2)
}

/// A configuration for a client with a code that does not know the agent's key yet: [`crate::enroll::ask`] checks
/// that it is the right agent.
///
/// # Errors
/// The key cannot sign.
pub fn enrolling_client(client: &Identity) -> Result<Arc<ClientConfig>, rustls::Error> {
    client_for(client, Peer::Anyone, ENROLL)
}

/// The server name in a client's hello, whatever the address.
#[must_use]
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).expect("a valid DNS name")
}

/// The fingerprint of the client, after the handshake.
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
