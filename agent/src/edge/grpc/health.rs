//! `grpc.health.v1`: service `""` is the process, `whatsapp` the link, which is `SERVING` once it has been up for
//! `--ready-after`.

use std::future::Future;
use std::time::Duration;

use openclaw_state::clock;
use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::link::View;

pub(super) const WHATSAPP: &str = "whatsapp";

/// The service, and the task that updates it.
pub(super) fn service(
    mut view: watch::Receiver<View>,
    ready_after: Duration,
) -> (HealthServer<impl Health>, impl Future<Output = ()> + Send) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let keep = async move {
        reporter
            .set_service_status("", ServingStatus::Serving)
            .await;
        let mut reported = None;
        loop {
            let ready_at = view.borrow_and_update().ready_at(ready_after);
            let ready = ready_at.is_some_and(|at| clock::until(at).is_zero());
            // Watchers are notified of changes only.
            if reported.replace(ready) != Some(ready) {
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
