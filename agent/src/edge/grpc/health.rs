//! `grpc.health.v1`: service `""` is the process, `whatsapp` the link: it serves once that has been up
//! for as long as `--ready-after` asks.

use std::future::Future;
use std::time::Duration;

use openclaw_state::clock;
use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::link::View;

/// The name of the link's health.
pub(super) const WHATSAPP: &str = "whatsapp";

/// The service, and the task that keeps it true.
pub(super) fn service(
    mut view: watch::Receiver<View>,
    ready_after: Duration,
) -> (HealthServer<impl Health>, impl Future<Output = ()> + Send) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let keep = async move {
        reporter
            .set_service_status("", ServingStatus::Serving)
            .await;
        let mut said = None;
        loop {
            let ready_at = view.borrow_and_update().ready_at(ready_after);
            let ready = ready_at.is_some_and(|at| clock::until(at).is_zero());
            // Watchers get changes only.
            if said.replace(ready) != Some(ready) {
                let status = if ready {
                    ServingStatus::Serving
                } else {
                    ServingStatus::NotServing
                };
                reporter.set_service_status(WHATSAPP, status).await;
            }
            let due = async {
                match ready_at.filter(|_| !ready) {
                    Some(at) => clock::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = view.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = due => {}
            }
        }
    };
    (service, keep)
}
