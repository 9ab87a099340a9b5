//! Whether WhatsApp's server can be reached, step by step, without a session and without credentials.

use std::future::Future;
use std::time::SystemTime;

use hyper::http::header::DATE;
use hyper::http::uri::Uri;
use openclaw_egress::{Egress, Stream, Target};
use tokio::net::lookup_host;
use whatsapp_rust::anyhow;

use super::{DialFailure, Endpoint, limited, upgraded};

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
        if let Some(target) = Target::of(&uri) {
            // Stops at the first failure, which is in the probe.
            let _ = probe.walk(uri.clone(), &target, egress).await;
        }
        probe
    }
}

impl Probe {
    async fn walk(&mut self, uri: Uri, target: &Target<'_>, egress: &Egress) -> Option<()> {
        let (host, port) = (target.host, target.port);
        let is_proxied = egress.proxy_for(host, port).is_some();
        if !is_proxied {
            let found = async { Ok(lookup_host((host, port)).await.map(drop)?) };
            self.step(ProbeStep::Dns, found).await?;
        }
        let step = match is_proxied {
            true => ProbeStep::Proxy,
            false => ProbeStep::Tcp,
        };
        let plain = Target::plain(host, port);
        let mut stream = self.step(step, connect(egress, &plain)).await?;
        if target.tls {
            // Another connection: so a host that accepts, and then says nothing, is told from one that does not accept.
            stream = self.step(ProbeStep::Tls, connect(egress, target)).await?;
        }
        let (_, response) = self
            .step(ProbeStep::WebSocket, upgraded(uri, stream))
            .await?;
        let date = response.headers().get(DATE);
        self.server_time =
            date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        Some(())
    }

    async fn step<T>(
        &mut self,
        step: ProbeStep,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> Option<T> {
        match limited(work).await {
            Ok(done) => {
                self.done.push(step);
                Some(done)
            }
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
