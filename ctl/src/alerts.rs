//! `alerts`: tests alert delivery, and lists alerts with their outcome.

use std::time::Duration;

use openclaw_proto::v1::alerts_client::AlertsClient;
use openclaw_proto::v1::{Alert, ListAlertsRequest, TestAlertRequest, TestAlertResponse};
use tonic::transport::Channel;

use crate::address::Address;
use crate::cli::{AlertsArgs, AlertsCommand};
use crate::failure::{Exit, Failure};
use crate::render::alerts::line;
use crate::text::one_line;
use crate::{client, clock, console};
use client::pages;

/// An attempt takes at most 10 s, and may wait for another one to end.
const TEST_TIMEOUT: Duration = Duration::from_secs(25);

pub(crate) async fn run(address: &Address, args: &AlertsArgs, json: bool) -> Result<Exit, Failure> {
    let alerts = client::alerts(address).await?;
    match args.command {
        Some(AlertsCommand::Test) => test(address, alerts, json).await,
        None | Some(AlertsCommand::List) => list(address, alerts, json).await,
    }
}

async fn test(
    address: &Address,
    mut alerts: AlertsClient<Channel>,
    json: bool,
) -> Result<Exit, Failure> {
    let call = alerts.test_alert(TestAlertRequest {});
    let tested = client::answer_within(address, TEST_TIMEOUT, call).await?;
    match (tested.delivered, json) {
        (true, true) => console::report_json(&tested),
        (true, false) => console::report(&delivered_line(&tested)),
        (false, true) => {
            console::report_json(&tested);
            return Ok(Exit::Failed);
        }
        (false, false) => return Err(not_delivered(&tested)),
    }
    Ok(Exit::Done)
}

/// All alerts, oldest first.
pub(crate) async fn all(
    address: &Address,
    alerts: &mut AlertsClient<Channel>,
) -> Result<Vec<Alert>, Failure> {
    let page = async |page_token| {
        let page_size = 0;
        let request = ListAlertsRequest {
            page_size,
            page_token,
        };
        client::answer(address, alerts.list_alerts(request)).await
    };
    Ok(pages::all(page).await?.alerts)
}

async fn list(
    address: &Address,
    mut alerts: AlertsClient<Channel>,
    json: bool,
) -> Result<Exit, Failure> {
    let listed = all(address, &mut alerts).await?;
    if listed.is_empty() && !json {
        console::note("No alerts");
    }
    for alert in listed {
        if json {
            console::json(&alert)?;
        } else {
            console::line(&line(&alert, clock::now()))?;
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
        0 => "check that the agent's network reaches it; see the agent's log and docs/alerts.md",
        401 | 403 => "the receiver rejected the request: compare the secret on both sides",
        404 | 410 => "not found: correct the agent's OPENCLAW_ALERT_URL",
        _ => "see the receiver's own log; for a real alert the agent keeps trying for 3 days",
    };
    Failure::new(format!("{host} did not accept the alert: {error}"))
        .with_reason("NOT_DELIVERED")
        .with_hint(hint)
}

fn millis(took: prost_types::Duration) -> i64 {
    took.seconds
        .saturating_mul(1000)
        .saturating_add(i64::from(took.nanos) / 1_000_000)
}
