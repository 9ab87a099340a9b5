//! The way to WhatsApp, for Status and the diagnosis.

use std::sync::Arc;

use openclaw_egress::Egress;
use openclaw_whatsapp::session::{DialFailure, Endpoint, Probe, VersionStatus, Versions};
use tokio::sync::Mutex;

use super::{Agent, View};

/// How outgoing connections are made.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) endpoint: Endpoint,
    pub(super) egress: Egress,
    pub(super) versions: Arc<Versions>,
    /// Variables that name a proxy which is not used.
    pub(super) unused_proxies: Vec<&'static str>,
    /// Held by a probe: one at a time connects to WhatsApp.
    pub(super) probing: Arc<Mutex<()>>,
}

/// The way to WhatsApp, as it is now.
#[derive(Clone, Debug)]
pub struct NetworkStatus {
    /// The proxy, without credentials, and the flag or variable that names it.
    pub proxy: Option<(String, &'static str)>,
    /// True if WhatsApp's server is exempt from the proxy.
    pub is_bypassed: bool,
    /// True if private certificate authorities are trusted.
    pub has_ca_file: bool,
    /// The client version.
    pub version: VersionStatus,
    /// Why the last attempt to connect failed, if it did.
    pub failure: Option<DialFailure>,
    /// Variables that name a proxy which is not used.
    pub unused_proxies: Vec<&'static str>,
}

impl Network {
    /// Goes every step to WhatsApp's server.
    pub(super) async fn probe(&self) -> Probe {
        let _turn = self.probing.lock().await;
        self.endpoint.probe(&self.egress).await
    }

    pub(super) fn status(&self, view: &View) -> NetworkStatus {
        let proxy = self.egress.proxy();
        NetworkStatus {
            proxy: proxy.map(|(proxy, source)| (proxy.to_string(), source)),
            is_bypassed: self.endpoint.is_exempt(&self.egress),
            has_ca_file: self.egress.has_private_roots(),
            version: self.versions.status(),
            failure: view.failure.clone(),
            unused_proxies: self.unused_proxies.clone(),
        }
    }
}

impl Agent {
    /// The same agent, with the variables that name a proxy which is not used.
    #[must_use]
    pub fn with_unused_proxies(mut self, variables: Vec<&'static str>) -> Self {
        self.network.unused_proxies = variables;
        self
    }
}
