//! The endpoint of WhatsApp, and the result of the last attempt to connect to it.
//!
//! The library logs why it could not connect, but does not return it; this wrapper keeps the reason.

mod probe;

use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hyper::http::header::{HeaderValue, ORIGIN};
use hyper::http::uri::Uri;
use openclaw_egress::{Egress, Stream, Target, unbracketed};
use openclaw_state::clock;
use tokio_websockets::{ClientBuilder, WebSocketStream, upgrade};
use whatsapp_rust::anyhow;
use whatsapp_rust::anyhow::Context as _;
use whatsapp_rust::async_channel;
use whatsapp_rust::transport::{Transport, TransportEvent, TransportFactory, from_websocket};
use whatsapp_rust::wacore::net::{WHATSAPP_WEB_ORIGIN, WHATSAPP_WEB_WS_URL};

use super::backlog::{self, Backlog};
use super::gate::{Gate, Gated};
use super::lock;
pub use probe::{Probe, ProbeStep};

/// DNS, TCP, the proxy, TLS and the WebSocket upgrade together take longer than this only when the
/// network is broken; the library itself would wait 20 s.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

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
        "this build connects to WhatsApp only: another address needs a build with the `sim` feature"
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
            (true, Some(url)) if is_loopback("ws", url) => Ok(Self::Simulator(url.to_owned())),
            (true, _) => Err(EndpointError::NotLoopback),
        }
    }

    /// True if the way out has a proxy, but this endpoint is reached without it.
    #[must_use]
    pub fn is_exempt(&self, egress: &Egress) -> bool {
        let uri = self.url().parse::<Uri>();
        let target = uri.as_ref().ok().and_then(Target::of);
        let proxied = target.and_then(|it| egress.proxy_for(it.host, it.port));
        egress.proxy().is_some() && proxied.is_none()
    }

    fn url(&self) -> &str {
        match self {
            Self::WhatsApp => WHATSAPP_WEB_WS_URL,
            Self::Simulator(url) => url,
            #[cfg(feature = "sim")]
            Self::InProcess(_) => "ws://127.0.0.1/ws/chat",
        }
    }
}

/// A URL with this scheme and an address, not a name: a name could resolve to anywhere.
pub(super) fn is_loopback(scheme: &str, url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let address = unbracketed(uri.host().unwrap_or_default()).parse::<IpAddr>();
    uri.scheme_str() == Some(scheme) && address.is_ok_and(|address| address.is_loopback())
}

/// The result of the last connection attempt.
#[derive(Debug, Default)]
pub(super) struct Outcome(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    made: bool,
    failure: Option<DialFailure>,
}

/// Why the last attempt to connect failed. Contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialFailure {
    /// What failed, with the causes.
    pub error: String,
    /// What to do next; empty if that is not known.
    pub hint: &'static str,
}

impl From<&openclaw_egress::Error> for DialFailure {
    fn from(error: &openclaw_egress::Error) -> Self {
        Self {
            error: error.with_cause(),
            hint: error.hint(),
        }
    }
}

impl DialFailure {
    /// A failure with no next step that is known.
    pub(super) fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            hint: "",
        }
    }

    fn of(error: &anyhow::Error) -> Self {
        let known = error.downcast_ref::<openclaw_egress::Error>();
        Self {
            error: format!("{error:#}"),
            hint: known.map_or("", openclaw_egress::Error::hint),
        }
    }
}

impl Outcome {
    pub(super) fn reset(&self) {
        *lock(&self.0) = Last::default();
    }

    /// Whether a socket was opened and nothing else failed.
    pub(super) fn made(&self) -> bool {
        let last = lock(&self.0);
        last.made && last.failure.is_none()
    }

    pub(super) fn failure(&self) -> Option<DialFailure> {
        lock(&self.0).failure.clone()
    }

    fn record<T>(&self, result: &anyhow::Result<T>) {
        let mut last = lock(&self.0);
        match result {
            Ok(_) => last.made = true,
            Err(error) => last.failure = Some(DialFailure::of(error)),
        }
    }
}

/// Opens WebSockets to the endpoint.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) endpoint: Endpoint,
    pub(super) egress: Egress,
    pub(super) outcome: Arc<Outcome>,
    pub(super) gate: Arc<Gate>,
    pub(super) backlog: Arc<Backlog>,
}

impl Dialer {
    /// Connects as the library does, with these differences: it goes through the proxy, if there is one; every address of
    /// the host name is tried; outgoing messages wait at the gate; the socket is read only as fast as messages are processed.
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
            return self.upgrade(uri, Box::new((connect.0)())).await;
        }
        let target = Target::of(&uri).context("the URL has no host")?;
        let stream = self.egress.connect(&target).await?;
        self.upgrade(uri, stream).await
    }

    /// Makes a WebSocket from a stream, with the gate and the backlog limit in between.
    async fn upgrade(
        &self,
        uri: Uri,
        stream: Stream,
    ) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)> {
        let (socket, _) = upgraded(uri, stream).await?;
        let (inner, events) = from_websocket(socket);
        self.gate.connecting();
        self.backlog.connecting();
        let gate = Arc::clone(&self.gate);
        let events = backlog::behind(Arc::clone(&self.backlog), events);
        Ok((Arc::new(Gated { inner, gate }), events))
    }
}

/// Makes a WebSocket, as a browser on WhatsApp Web's site does.
async fn upgraded(
    uri: Uri,
    stream: Stream,
) -> anyhow::Result<(WebSocketStream<Stream>, upgrade::Response)> {
    ClientBuilder::from_uri(uri)
        .add_header(ORIGIN, HeaderValue::from_static(WHATSAPP_WEB_ORIGIN))
        .context("cannot set the Origin header")?
        .connect_on(stream)
        .await
        .context("WebSocket upgrade")
}

/// A part of a connection attempt, which ends at [`DIAL_LIMIT`].
async fn limited<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let done = tokio::time::timeout(DIAL_LIMIT, work).await;
    done.unwrap_or_else(|_| {
        Err(anyhow::anyhow!(
            "no answer within {} s",
            DIAL_LIMIT.as_secs()
        ))
    })
}

#[async_trait]
impl TransportFactory for Dialer {
    async fn create_transport(
        &self,
    ) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)> {
        clock::set_protocol();
        let dialled = limited(self.dial()).await;
        self.outcome.record(&dialled);
        dialled
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
            assert!(is_loopback("ws", good), "{good}");
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
            assert!(!is_loopback("ws", bad), "{bad}");
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
