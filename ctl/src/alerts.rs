//! `alerts`: whether alerts arrive, and what became of those there were.

use std::time::Duration;

use openclaw_proto::v1::{
    Alert, AlertState, AlertsStatus, ListAlertsRequest, TestAlertRequest, TestAlertResponse,
};
use prost_types::Timestamp;
use serde::Serialize;

use crate::address::Address;
use crate::cli::AlertsCommand;
use crate::failure::{Exit, Failure};
use crate::render::json::time;
use crate::render::time::{ago, until};
use crate::text::one_line;
use crate::{client, clock, console};

/// An attempt takes at most 10 s, and may wait for another one.
const TEST_LIMIT: Duration = Duration::from_secs(25);

/// Tests or lists.
pub(crate) async fn run(
    address: &Address,
    command: &AlertsCommand,
    json: bool,
) -> Result<Exit, Failure> {
    let mut alerts = client::alerts(address).await?;
    match command {
        AlertsCommand::Test => {
            let call = alerts.test_alert(TestAlertRequest {});
            let tested = client::answer_within(address, TEST_LIMIT, call).await?;
            let delivered = tested.delivered;
            if json {
                console::report_json(&Tested::from(tested));
                return Ok(if delivered { Exit::Done } else { Exit::Failed });
            }
            if !delivered {
                return Err(not_delivered(&tested));
            }
            console::report(&delivered_line(&tested));
        }
        AlertsCommand::List => {
            let call = alerts.list_alerts(ListAlertsRequest {});
            let listed = client::answer(address, call).await?;
            if listed.alerts.is_empty() && !json {
                console::note("No alerts");
            }
            for alert in listed.alerts {
                if json {
                    console::json(&Json::from(alert))?;
                } else {
                    console::line(&line(&alert, clock::now()))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// `Delivered: hooks.example.com answered 200 after 84 ms`
fn delivered_line(tested: &TestAlertResponse) -> String {
    let host = one_line(&tested.host);
    let took = tested.took.map(millis).unwrap_or_default();
    format!(
        "Delivered: {host} answered {} after {took} ms",
        tested.status
    )
}

fn not_delivered(tested: &TestAlertResponse) -> Failure {
    let host = one_line(&tested.host);
    let error = one_line(&tested.error);
    let hint = match tested.status {
        0 => "see whether the agent's network reaches it; its log and docs/alerts.md say more",
        401 | 403 => {
            "the receiver refuses the signature or the address: compare the secret on both sides"
        }
        404 | 410 => {
            "the receiver has nothing at this address: correct the agent's OPENCLAW_ALERT_URL"
        }
        _ => "see the receiver's own log; the agent would go on trying for 3 days",
    };
    Failure::new(format!("{host} did not take the alert: {error}"))
        .with_reason("NOT_DELIVERED")
        .with_hint(hint)
}

/// `whatsapp.logged_out       delivered   4 s ago      alert_…`
fn line(alert: &Alert, now: Timestamp) -> String {
    let raised = alert.raised_at.map_or_else(String::new, |at| ago(at, now));
    let mut parts = format!(
        "{:<24} {:<10} {raised:<12} {}",
        one_line(&alert.r#type),
        word(alert.state()),
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

/// What `status` says: what is wrong, or everything if that is wanted.
pub(crate) fn status_line(status: &AlertsStatus, all: bool, now: Timestamp) -> Option<String> {
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
        None => format!("to {host}, none yet"),
    })
}

fn word(state: AlertState) -> &'static str {
    match state {
        AlertState::Unspecified => "unknown",
        AlertState::Waiting => "waiting",
        AlertState::Delivered => "delivered",
        AlertState::GivenUp => "given_up",
    }
}

fn millis(took: prost_types::Duration) -> i64 {
    took.seconds
        .saturating_mul(1000)
        .saturating_add(i64::from(took.nanos) / 1_000_000)
}

#[derive(Serialize)]
struct Tested {
    delivered: bool,
    host: String,
    status: u32,
    took_ms: i64,
    error: String,
    id: String,
}

impl From<TestAlertResponse> for Tested {
    fn from(tested: TestAlertResponse) -> Self {
        let TestAlertResponse {
            delivered,
            host,
            status,
            took,
            error,
            id,
        } = tested;
        Self {
            delivered,
            host,
            status,
            took_ms: took.map(millis).unwrap_or_default(),
            error,
            id,
        }
    }
}

#[derive(Serialize)]
struct Json {
    id: String,
    r#type: String,
    raised_at: Option<String>,
    state: &'static str,
    attempts: u32,
    next_attempt_at: Option<String>,
    finished_at: Option<String>,
    last_error: String,
}

impl From<Alert> for Json {
    fn from(alert: Alert) -> Self {
        let state = word(alert.state());
        let Alert {
            id,
            r#type,
            raised_at,
            state: _,
            attempts,
            next_attempt_at,
            finished_at,
            last_error,
        } = alert;
        Self {
            id,
            r#type,
            raised_at: time(raised_at),
            state,
            attempts,
            next_attempt_at: time(next_attempt_at),
            finished_at: time(finished_at),
            last_error,
        }
    }
}
