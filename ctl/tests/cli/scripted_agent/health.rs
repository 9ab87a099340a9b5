//! The scripted agent's health.

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::script::Script;

/// The standard health service, with the states of the script.
pub(super) async fn service(script: &Script) -> HealthServer<impl Health> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for (service, status) in &script.health {
        let status = match status.as_str() {
            "SERVING" => ServingStatus::Serving,
            "NOT_SERVING" => ServingStatus::NotServing,
            other => panic!("no health {other}"),
        };
        reporter.set_service_status(service, status).await;
    }
    health
}
