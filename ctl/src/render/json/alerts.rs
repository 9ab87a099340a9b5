//! How alerting is, in JSON.

use openclaw_proto::v1 as pb;
use serde::Serialize;

use super::time;

#[derive(Serialize)]
pub(super) struct Alerts {
    host: String,
    waiting: u32,
    last_delivered_at: Option<String>,
    last_error: String,
    last_error_at: Option<String>,
}

impl From<pb::AlertsStatus> for Alerts {
    fn from(status: pb::AlertsStatus) -> Self {
        let pb::AlertsStatus {
            host,
            waiting,
            last_delivered_at,
            last_error,
            last_error_at,
        } = status;
        Self {
            host,
            waiting,
            last_delivered_at: time(last_delivered_at),
            last_error,
            last_error_at: time(last_error_at),
        }
    }
}
