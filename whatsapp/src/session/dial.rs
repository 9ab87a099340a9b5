//! The endpoint of WhatsApp, and the result of the last attempt to connect to it.
//!
//! The library logs why it could not connect, but does not return it; these wrappers keep the reason.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hyper::http::header::{HeaderValue, ORIGIN};
use hyper::http::uri::Uri;
use openclaw_state::clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_websockets::ClientBuilder;
use whatsapp_rust::anyhow;
use whatsapp_rust::anyhow::Context as _;
use whatsapp_rust::async_channel;
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse, UreqHttpClient};
use whatsapp_rust::transport::{
    Connector, Transport, TransportEvent, TransportFactory, default_tls_connector, from_websocket,
};
use whatsapp_rust::wacore::net::{WHATSAPP_WEB_ORIGIN, WHATSAPP_WEB_WS_URL};

use super::backlog::{self, Backlog};
use super::gate::{Gate, Gated};
use super::lock;

/// DNS, TCP, TLS and the WebSocket upgrade together take longer than this only when the network
/// is broken; the library itself would wait 20 s.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

/// The simulator accepts any version; the real one is read from WhatsApp at each start.
const SIMULATED_VERSION: (u32, u32, u32) = (2, 3000, 1_023_000_000);

/// The server that the agent connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// WhatsApp.
    WhatsApp,
    /// A simulator on this machine. Only builds with the `sim` feature have it.
    Simulator(String),
    /// A simulator in this process. Only builds with the `sim` feature have it.
    #[cfg(feature = "sim")]
    InProcess(InProcess),
}

/// Opens connections to a simulator in this process.
#[cfg(feature = "sim")]
#[derive(Clone)]
pub struct InProcess(pub Arc<dyn Fn() -> tokio::io::DuplexStream + Send + Sync>);

#[cfg(feature = "sim")]
impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

#[cfg(feature = "sim")]
impl PartialEq for InProcess {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(feature = "sim")]
impl Eq for InProcess {}

/// Why a URL is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A release connects only to WhatsApp.
    #[error(
        "this build connects to WhatsApp only: --whatsapp-url needs a build with the `sim` feature"
    )]
    NotASimulatorBuild,
    /// A simulator build does not check WhatsApp's certificates.
    #[error("a simulator build connects to loopback only: use ws://127.0.0.1:PORT/ws/chat")]
    NotLoopback,
}

impl Endpoint {
    /// WhatsApp, or the simulator at `url`. A simulator build never reaches WhatsApp, since it
    /// does not check certificates.
    pub fn new(url: Option<&str>) -> Result<Self, EndpointError> {
        match (cfg!(feature = "sim"), url) {
            (false, None) => Ok(Self::WhatsApp),
            (false, Some(_)) => Err(EndpointError::NotASimulatorBuild),
            (true, Some(url)) if is_loopback(url) => Ok(Self::Simulator(url.to_owned())),
            (true, _) => Err(EndpointError::NotLoopback),
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::WhatsApp => WHATSAPP_WEB_WS_URL,
            Self::Simulator(url) => url,
            #[cfg(feature = "sim")]
            Self::InProcess(_) => "ws://127.0.0.1/ws/chat",
        }
    }

    /// The client version to announce; `None` lets the library query WhatsApp for the current one.
    #[must_use]
    pub fn client_version(&self) -> Option<(u32, u32, u32)> {
        (*self != Self::WhatsApp).then_some(SIMULATED_VERSION)
    }
}

/// `ws://` to an address, not a name: a name could resolve to anywhere.
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<IpAddr>();
    uri.scheme_str() == Some("ws") && address.is_ok_and(|address| address.is_loopback())
}

/// The result of the last connection attempt.
#[derive(Debug, Default)]
pub(super) struct Outcome(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    made: bool,
    error: Option<String>,
}

impl Outcome {
    pub(super) fn reset(&self) {
        *lock(&self.0) = Last::default();
    }

    /// Whether a socket was opened and nothing else failed.
    pub(super) fn made(&self) -> bool {
        let last = lock(&self.0);
        last.made && last.error.is_none()
    }

    pub(super) fn error(&self) -> Option<String> {
        lock(&self.0).error.clone()
    }

    fn record<T>(&self, step: &str, result: &anyhow::Result<T>) {
        if let Err(error) = result {
            lock(&self.0).error = Some(format!("{step}: {error:#}"));
        }
    }
}

/// Opens WebSockets to the endpoint.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) endpoint: Endpoint,
    pub(super) outcome: Arc<Outcome>,
    pub(super) gate: Arc<Gate>,
    pub(super) backlog: Arc<Backlog>,
}

impl Dialer {
    /// Connects as the library does, with four differences: every address of the host name is tried, outgoing messages
    /// wait at the gate, the socket is read only as fast as messages are processed, and small frames are sent
    /// immediately. Otherwise each would wait for the TCP ack of the previous one, 40 ms and more.
    async fn dial(
        &self,
    ) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)> {
        let uri: Uri = self
            .endpoint
            .url()
            .parse()
            .context("cannot parse the URL")?;
        #[cfg(feature = "sim")]
        if let Endpoint::InProcess(connect) = &self.endpoint {
            return self.upgrade(uri, (connect.0)()).await;
        }
        let host = uri.host().context("the URL has no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (connector, port) = match uri.scheme_str() {
            Some("wss") => (default_tls_connector(), 443),
            _ => (Connector::Plain, 80),
        };
        let port = uri.port_u16().unwrap_or(port);
        let tcp = TcpStream::connect((host, port)).await.context("TCP")?;
        tcp.set_nodelay(true).context("TCP")?;
        let stream = connector.wrap(host, tcp).await.context("TLS")?;
        self.upgrade(uri, stream).await
    }

    /// Makes a WebSocket from a stream, with the gate and the backlog limit in between.
    async fn upgrade<S>(
        &self,
        uri: Uri,
        stream: S,
    ) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (socket, _) = ClientBuilder::from_uri(uri)
            .add_header(ORIGIN, HeaderValue::from_static(WHATSAPP_WEB_ORIGIN))
            .context("cannot set the Origin header")?
            .connect_on(stream)
            .await
            .context("WebSocket upgrade")?;
        let (inner, events) = from_websocket(socket);
        self.gate.connecting();
        self.backlog.connecting();
        let gate = Arc::clone(&self.gate);
        let events = backlog::behind(Arc::clone(&self.backlog), events);
        Ok((Arc::new(Gated { inner, gate }), events))
    }
}

#[async_trait]
impl TransportFactory for Dialer {
    async fn create_transport(
        &self,
    ) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)> {
        clock::set_protocol();
        let dialled = tokio::time::timeout(DIAL_LIMIT, self.dial()).await;
        let dialled = dialled.unwrap_or_else(|_| {
            Err(anyhow::anyhow!(
                "no answer within {} s",
                DIAL_LIMIT.as_secs()
            ))
        });
        self.outcome.record("connect to WhatsApp", &dialled);
        if dialled.is_ok() {
            lock(&self.outcome.0).made = true;
        }
        dialled
    }
}

/// Queries WhatsApp for the current client version, and transfers media.
pub(super) struct Http {
    inner: UreqHttpClient,
    outcome: Arc<Outcome>,
}

impl Http {
    pub(super) fn new(outcome: Arc<Outcome>) -> Self {
        Self {
            inner: UreqHttpClient::new(),
            outcome,
        }
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let answer = tokio::time::timeout(DIAL_LIMIT, self.inner.execute(request)).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(anyhow::anyhow!(
                "no answer within {} s",
                DIAL_LIMIT.as_secs()
            ))
        });
        self.outcome.record("ask WhatsApp for its version", &answer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_loopback() {
        for good in [
            "ws://127.0.0.1:9000/ws/chat",
            "ws://127.8.8.8",
            "ws://[::1]:9000/ws",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "wss://web.whatsapp.com/ws/chat",
            "ws://localhost:9000",
            "ws://127.0.0.1.example.com/",
            "ws://127.0.0.1@example.com/",
            "ws://example.com/127.0.0.1",
            "ws://10.0.0.1:80",
            "ws://[::2]:80",
            "",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn a_build_connects_to_whatsapp_or_to_the_simulator_never_both() {
        let simulator = Endpoint::new(Some("ws://127.0.0.1:1/ws"));
        let whatsapp = Endpoint::new(None);
        assert_eq!(simulator.is_ok(), cfg!(feature = "sim"));
        assert_eq!(whatsapp.is_ok(), !cfg!(feature = "sim"));
    }
}
