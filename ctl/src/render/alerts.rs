//! Alerts, for a person.

use openclaw_proto::v1::{Alert, AlertState, AlertsStatus};
use prost_types::Timestamp;

use super::time::{ago, until};
use super::word::word;
use crate::text::one_line;

/// `whatsapp.logged_out       delivered   4 s ago      alert_…`
pub(crate) fn line(alert: &Alert, now: Timestamp) -> String {
    let raised = alert.raised_at.map_or_else(String::new, |at| ago(at, now));
    let mut parts = format!(
        "{:<24} {:<10} {raised:<12} {}",
        one_line(&alert.alert_type),
        word::<AlertState>(alert.state),
        one_line(&alert.id)
    );
    if alert.state() == AlertState::Waiting
        && let Some(next) = alert.next_attempt_at
    {
        parts.push_str(&format!("  next {}", until(next, now)));
    }
    if !alert.last_error.is_empty() {
        parts.push_str(&format!("  {}", one_line(&alert.last_error)));
    }
    parts
}

/// The line of `status`: only a problem, or everything with `all`.
pub(super) fn status_line(status: &AlertsStatus, all: bool, now: Timestamp) -> Option<String> {
    if status.host.is_empty() {
        return None;
    }
    let host = one_line(&status.host);
    if !status.last_error.is_empty() {
        let age = status
            .last_error_at
            .map_or_else(String::new, |at| format!(" ({})", ago(at, now)));
        let error = one_line(&status.last_error);
        let waiting = status.waiting;
        return Some(format!(
            "not delivered to {host}: {error}{age}; {waiting} waiting"
        ));
    }
    all.then(|| match status.last_delivered_at {
        Some(at) => format!("to {host}, last one delivered {}", ago(at, now)),
        None => format!("to {host}, none sent yet"),
    })
}
