//! The reach-out time-lock: a restricted account can write in existing chats, but cannot start new ones.
//!
//! WhatsApp reports it when asked (`w:mex`), and by a notification when it begins or ends. A message to a person without a
//! chat then gets the error 463, or 475 at the cap of new chats. These codes were also observed while WhatsApp reports
//! no restriction (devlikeapro/waha#2219), so a refusal counts as one too.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_types::{Nack, NackClass};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use whatsapp_rust::ReachoutTimelock;
use whatsapp_rust::client::Client;

use super::time::date;
use super::{Report, lock, send_report};

/// The name of the operation in WhatsApp's notification.
const NOTIFICATION: &str = "NotificationUserReachoutTimelockUpdate";
/// Do not ask more often than this, however many messages are refused.
const MIN_INTERVAL: Duration = Duration::from_secs(if cfg!(feature = "sim") { 1 } else { 60 });

/// What is known about the account's restriction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestrictionReport {
    /// WhatsApp reports a restriction.
    Active {
        /// WhatsApp's name of it, as in `DEFAULT`.
        name: String,
        /// When it ends, in agent time.
        until: Option<SystemTime>,
    },
    /// WhatsApp reports no restriction.
    Inactive,
    /// WhatsApp refused a message because of a restriction, and does not report one.
    Refused(Nack),
}

/// The last refusal of a message because of a restriction, until it is reported.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    last: Mutex<Option<Nack>>,
    came: Notify,
}

impl Refusals {
    /// Records an error of a message.
    pub(super) fn on(&self, nack: Nack) {
        if nack.class() == NackClass::Restricted {
            *lock(&self.last) = Some(nack);
            self.came.notify_one();
        }
    }
}

/// Asks WhatsApp after the login and after refusals, and reports the answers. Runs concurrently with a connection, and is
/// dropped when the connection ends.
pub(super) async fn watch(client: &Client, refusals: &Refusals, reports: &mpsc::Sender<Report>) {
    let mut asked: Option<Instant> = None;
    loop {
        let is_due = asked.is_none_or(|asked| asked.elapsed() >= MIN_INTERVAL);
        let report = if is_due {
            asked = Some(Instant::now());
            ask(client, refusals).await
        } else {
            let refused = lock(&refusals.last).take();
            refused.map(RestrictionReport::Refused)
        };
        if let Some(report) = report {
            send_report(reports, Report::Restriction(report)).await;
        }
        refusals.came.notified().await;
    }
}

async fn ask(client: &Client, refusals: &Refusals) -> Option<RestrictionReport> {
    let answer = client.mex().fetch_reachout_timelock().await;
    let refused = lock(&refusals.last).take();
    match (answer.map(of_timelock), refused) {
        (Ok(active @ RestrictionReport::Active { .. }), _) => Some(active),
        (_, Some(nack)) => Some(RestrictionReport::Refused(nack)),
        (Ok(inactive), None) => Some(inactive),
        (Err(error), None) => {
            tracing::debug!(%error, "restriction of the account not fetched");
            None
        }
    }
}

/// The report in a notification of WhatsApp; `None` for any other one.
pub(super) fn notified(operation: &str, payload: &Value) -> Option<RestrictionReport> {
    if operation != NOTIFICATION {
        return None;
    }
    let timelock = &payload["data"]["xwa2_notify_account_reachout_timelock"];
    let timelock = serde_json::from_value::<ReachoutTimelock>(timelock.clone());
    timelock.ok().map(of_timelock)
}

fn of_timelock(timelock: ReachoutTimelock) -> RestrictionReport {
    let ends = timelock.time_enforcement_ends.as_deref();
    let until = ends.and_then(|ends| date(ends.trim().parse().ok()?));
    let is_over = until.is_some_and(|until| until <= clock::protocol());
    if timelock.is_active != Some(true) || is_over {
        return RestrictionReport::Inactive;
    }
    RestrictionReport::Active {
        name: timelock.enforcement_type.unwrap_or_default(),
        until: until.map(clock::from_protocol),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(timelock: &Value) -> Option<RestrictionReport> {
        let payload = json!({ "data": { "xwa2_notify_account_reachout_timelock": timelock } });
        notified(NOTIFICATION, &payload)
    }

    fn active(name: &str, until: Option<SystemTime>) -> Option<RestrictionReport> {
        let name = name.to_owned();
        Some(RestrictionReport::Active { name, until })
    }

    #[test]
    fn a_time_lock_is_active_until_its_end() {
        let end = "4102444800";
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800);
        let lock = json!({ "is_active": true, "time_enforcement_ends": end, "enforcement_type": "DEFAULT" });
        assert_eq!(of(&lock), active("DEFAULT", Some(until)));
        for none in [
            json!({ "is_active": false }),
            json!({}),
            json!({ "is_active": true, "time_enforcement_ends": "1000000000" }),
        ] {
            assert_eq!(of(&none), Some(RestrictionReport::Inactive));
        }
    }

    #[test]
    fn an_unreadable_end_is_an_unknown_end() {
        for end in [
            "",
            "0",
            "-1",
            "soon",
            "253402300800",
            "99999999999999999999999",
        ] {
            let lock = json!({ "is_active": true, "time_enforcement_ends": end });
            assert_eq!(of(&lock), active("", None), "{end}");
        }
        assert_eq!(of(&json!("active")), None);
        assert_eq!(notified("NotificationNewsletterUpdate", &json!({})), None);
    }
}
