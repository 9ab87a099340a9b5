//! Whether WhatsApp's server can be reached, step by step, without a session and without credentials.

use std::future::Future;
use std::time::SystemTime;

use hyper::http::HeaderMap;
use hyper::http::header::DATE;
use openclaw_egress::{Egress, Target};
use tokio::net::lookup_host;
use whatsapp_rust::anyhow::Context as _;

use super::{
    ClientBuilder, DIAL_LIMIT, DialFailure, Endpoint, HeaderValue, ORIGIN, Stream, Uri,
    WHATSAPP_WEB_ORIGIN, anyhow, target,
};

/// A step on the way to WhatsApp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeStep {
    /// The server's name has an address.
    Dns,
    /// The server accepts a TCP connection.
    Tcp,
    /// The proxy connects to the server.
    Proxy,
    /// The server's certificate is accepted.
    Tls,
    /// The server speaks WhatsApp Web's protocol.
    WebSocket,
}

/// What a probe found.
#[derive(Debug, Default)]
pub struct Probe {
    /// The steps that succeeded, in order.
    pub done: Vec<ProbeStep>,
    /// The step that failed, if one did.
    pub failed: Option<(ProbeStep, DialFailure)>,
    /// The server's time, if it said so.
    pub server_time: Option<SystemTime>,
}

impl Endpoint {
    /// Goes every step to the server, and closes the connection.
    pub async fn probe(&self, egress: &Egress) -> Probe {
        let mut probe = Probe::default();
        let Ok(uri) = self.url().parse::<Uri>() else {
            return probe;
        };
        if let Some(target) = target(&uri) {
            // Stops at the first failure, which is in the probe.
            let _ = probe.walk(&uri, &target, egress).await;
        }
        probe
    }
}

impl Probe {
    async fn walk(&mut self, uri: &Uri, target: &Target<'_>, egress: &Egress) -> Option<()> {
        let (host, port) = (target.host, target.port);
        let plain = Target::plain(host, port);
        if egress.proxy_for(host, port).is_some() {
            self.step(ProbeStep::Proxy, connect(egress, &plain)).await?;
        } else {
            let found = async { Ok(lookup_host((host, port)).await.map(drop)?) };
            self.step(ProbeStep::Dns, found).await?;
            self.step(ProbeStep::Tcp, connect(egress, &plain)).await?;
        }
        let step = match target.tls {
            true => ProbeStep::Tls,
            false => ProbeStep::Tcp,
        };
        let stream = self.attempt(step, connect(egress, target)).await?;
        if target.tls {
            self.done.push(step);
        }
        let headers = self
            .attempt(ProbeStep::WebSocket, upgrade(uri.clone(), stream))
            .await?;
        self.done.push(ProbeStep::WebSocket);
        self.server_time = headers
            .get(DATE)
            .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        Some(())
    }

    async fn step<T>(
        &mut self,
        step: ProbeStep,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> Option<()> {
        self.attempt(step, work).await?;
        self.done.push(step);
        Some(())
    }

    async fn attempt<T>(
        &mut self,
        step: ProbeStep,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> Option<T> {
        let done = tokio::time::timeout(DIAL_LIMIT, work).await;
        let done = done.unwrap_or_else(|_| {
            Err(anyhow::anyhow!(
                "no answer within {} s",
                DIAL_LIMIT.as_secs()
            ))
        });
        match done {
            Ok(done) => Some(done),
            Err(error) => {
                self.failed = Some((step, DialFailure::of(&error)));
                None
            }
        }
    }
}

async fn connect(egress: &Egress, target: &Target<'_>) -> anyhow::Result<Stream> {
    Ok(egress.connect(target).await?)
}

async fn upgrade(uri: Uri, stream: Stream) -> anyhow::Result<HeaderMap> {
    let (_, response) = ClientBuilder::from_uri(uri)
        .add_header(ORIGIN, HeaderValue::from_static(WHATSAPP_WEB_ORIGIN))
        .context("cannot set the Origin header")?
        .connect_on(stream)
        .await
        .context("WebSocket upgrade")?;
    Ok(response.headers().clone())
}
