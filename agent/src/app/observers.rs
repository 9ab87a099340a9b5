//! External observers: the receiver of alerts, and Prometheus.

use std::net::IpAddr;

use openclaw_egress::Egress;
use openclaw_state::vault::Vault;
use openclaw_webhook::SigningKey;
use tokio::net::TcpListener;

use super::Error;
use crate::alerts::Notifier;
use crate::edge::grpc;
use crate::edge::http::Pages;
use crate::host::config::{Config, Metrics};
use crate::link::{Agent, View};

/// Starts alerting, if a receiver is configured.
pub(super) fn with_alerts(
    agent: Agent,
    config: &Config,
    key: Option<SigningKey>,
    egress: Egress,
    vault: &Vault,
) -> (Agent, Option<Notifier<View>>) {
    let Some(settings) = config.alerts.clone() else {
        return (agent, None);
    };
    let (host, after) = (settings.address.to_string(), settings.after.as_secs());
    tracing::info!(host, after, "alerts enabled");
    let (alerts, notifier) = Notifier::new(settings, key, egress, vault.clone(), agent.watch());
    (agent.with_alerts(alerts), Some(notifier))
}

/// Which pages the health address serves: metrics only on loopback, or if enabled explicitly.
pub(super) fn pages(metrics: Metrics, http: IpAddr) -> Pages {
    match metrics {
        Metrics::On => Pages::All,
        Metrics::Loopback if http.is_loopback() => Pages::All,
        Metrics::Loopback | Metrics::Off | Metrics::At(_) => Pages::Health,
    }
}

/// Binds the separate address for metrics, if there is one.
pub(super) async fn bind(metrics: Metrics) -> Result<Option<TcpListener>, Error> {
    let Metrics::At(address) = metrics else {
        return Ok(None);
    };
    let bound = grpc::bind_any(address).await;
    let listener = bound.map_err(|error| Error::Metrics(address, error))?;
    let metrics = listener.local_addr().unwrap_or(address);
    tracing::info!(%metrics, "metrics enabled");
    Ok(Some(listener))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::*;

    #[test]
    fn strangers_see_no_metrics_unless_configured() {
        let open = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let closed = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let at = Metrics::At(SocketAddr::new(closed, 9464));
        for (metrics, here, there) in [
            (Metrics::Loopback, Pages::All, Pages::Health),
            (Metrics::On, Pages::All, Pages::All),
            (Metrics::Off, Pages::Health, Pages::Health),
            (at, Pages::Health, Pages::Health),
        ] {
            let shown = (pages(metrics, closed), pages(metrics, open));
            assert_eq!(shown, (here, there));
        }
    }
}
