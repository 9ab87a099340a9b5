//! Connections to an agent, for its clients: the unix socket, plain text on loopback, or TLS with an enrolled key.
//!
//! It reads no settings and stores no keys: the caller names the agent, as an [`Endpoint`] or a [`Peer`].

mod endpoint;
pub mod tls;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use openclaw_trust::{Fingerprint, Identity};
use tonic::transport::{self, Channel, Uri};
use tower::service_fn;

pub use endpoint::{Endpoint, NoEndpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A silent stream is pinged after the interval, and closed after the timeout. Proxies and NAT drop connections that
/// are idle for a minute or more.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// An agent that the caller is enrolled with.
pub trait Peer: Send + Sync + 'static {
    /// The agent's address.
    fn endpoint(&self) -> &Endpoint;
    /// The caller's key.
    fn identity(&self) -> &Identity;
    /// The fingerprint of the agent's key.
    fn fingerprint(&self) -> Fingerprint;
}

/// Connects to the agent's unix socket.
///
/// # Errors
/// No connection.
pub async fn over_unix(path: &Path) -> Result<Channel, transport::Error> {
    over_plain_text(format!("unix:{}", path.display())).await
}

/// Connects in plain text, which only an address on this machine may be used for.
///
/// # Errors
/// No connection.
pub async fn over_loopback(endpoint: &Endpoint) -> Result<Channel, transport::Error> {
    over_plain_text(format!("http://{endpoint}")).await
}

async fn over_plain_text(target: String) -> Result<Channel, transport::Error> {
    with_keepalive(target)?
        .connect_timeout(CONNECT_TIMEOUT)
        .connect()
        .await
}

/// Connects over TLS. The authority in requests is the same for every agent: the agent is identified by its key, not by
/// its host name.
///
/// # Errors
/// No connection: see [`tls_error`].
pub async fn over_tls(peer: Arc<impl Peer>) -> Result<Channel, transport::Error> {
    let connector = service_fn(move |_| {
        let peer = Arc::clone(&peer);
        async move { tls::connect(&*peer).await.map(TokioIo::new) }
    });
    // The first is for the connector, which replaces it by TLS; the second is sent in requests.
    let endpoint = with_keepalive(format!("http://{}", openclaw_trust::tls::SERVER_NAME))?;
    let origin = Uri::from_static("https://openclaw-agent");
    endpoint
        .origin(origin)
        .connect_with_connector(connector)
        .await
}

fn with_keepalive(target: String) -> Result<transport::Endpoint, transport::Error> {
    Ok(transport::Endpoint::from_shared(target)?
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT))
}

/// Why [`over_tls`] failed, if it is known.
#[must_use]
pub fn tls_error(error: &transport::Error) -> Option<&tls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// `error` and its sources.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause: &&'a (dyn Error + 'static)| {
        cause.source()
    })
}
