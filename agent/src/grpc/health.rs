//! `grpc.health.v1`: service `""` is the process, `whatsapp` the link at this moment.

use std::future::Future;

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::agent::View;
use crate::model::LinkState;

/// The name of the link's health.
pub(super) const WHATSAPP: &str = "whatsapp";

/// The service, and the task that keeps it true.
pub(super) fn service(
    mut view: watch::Receiver<View>,
) -> (HealthServer<impl Health>, impl Future<Output = ()> + Send) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let keep = async move {
        reporter
            .set_service_status("", ServingStatus::Serving)
            .await;
        let mut said = None;
        loop {
            let connected = view.borrow_and_update().link.state == LinkState::Connected;
            // Whoever watches is told of changes only.
            if said.replace(connected) != Some(connected) {
                let status = if connected {
                    ServingStatus::Serving
                } else {
                    ServingStatus::NotServing
                };
                reporter.set_service_status(WHATSAPP, status).await;
            }
            if view.changed().await.is_err() {
                return;
            }
        }
    };
    (service, keep)
}
