//! A stored alert: all fields of its body, and the progress of its delivery. Each attempt sends the same body.

use std::time::SystemTime;

use openclaw_types::Link;
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};

use super::rules::{AlertKind, LinkHistory, Notice};
use crate::clock;
use crate::vault::{Tables, Vault, to_millis};

/// The stored record. Fields may be added, never renamed: volumes hold it. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Unique.
    pub id: String,
    /// The problem, or the recovery.
    pub kind: AlertKind,
    /// The problem that a recovery ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<AlertKind>,
    /// When it was raised.
    pub raised: u64,
    /// When the problem began; for a recovery, when the problem that it ends began.
    pub since: u64,
    /// The state of the link.
    pub state: String,
    /// The reason for that state.
    pub reason: String,
    /// The next step, for a person.
    pub hint: String,
    /// The account's number, masked.
    pub phone: String,
    /// When WhatsApp will stop accepting this version, if that is announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// The store's name, in hexadecimal.
    pub store: String,
    /// The host on which the agent runs.
    pub host: String,
    /// When it was raised, in agent time, which determines its age; the other times are for people. 0 in records of
    /// earlier versions.
    #[serde(default)]
    pub(super) begun: u64,
    #[serde(default)]
    pub(super) attempts: u32,
    #[serde(default)]
    pub(super) next: u64,
    #[serde(default)]
    pub(super) hold: Hold,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<End>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) error: String,
    #[serde(default)]
    pub(super) failed_at: u64,
}

/// Whether later alerts wait, too: if the receiver is unreachable, they would fail as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hold {
    /// Later alerts do not wait.
    #[default]
    None,
    /// Later alerts wait; a new alert triggers another attempt.
    Receiver,
    /// Later alerts wait for as long as the receiver requested.
    Asked,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) delivered: bool,
    pub(super) at: u64,
}

/// The sender, as the body of an alert identifies it.
#[derive(Clone, Debug, Default)]
pub struct AlertSender {
    /// The store's name, in hexadecimal.
    pub store: String,
    /// The host on which the agent runs.
    pub host: String,
}

impl Row {
    /// Creates an alert with a unique id.
    #[must_use]
    pub fn new(notice: &Notice, link: &Link, sender: &AlertSender, now: SystemTime) -> Self {
        let Notice {
            kind,
            since,
            trouble,
        } = notice;
        let phone = link
            .account
            .as_ref()
            .map(|account| account.phone.to_string());
        let reason = link.reason.as_ref().map(ToString::to_string);
        Self {
            id: new_id(),
            kind: *kind,
            trouble: *trouble,
            raised: to_millis(clock::shown(now)),
            since: to_millis(clock::shown(*since)),
            state: link.state.name().to_owned(),
            reason: reason.unwrap_or_default(),
            hint: hint(*kind, link, now),
            phone: phone.unwrap_or_default(),
            expires: link.expires_at.map(to_millis),
            store: sender.store.clone(),
            host: sender.host.clone(),
            begun: to_millis(now),
            attempts: 0,
            next: to_millis(now),
            hold: Hold::None,
            end: None,
            error: String::new(),
            failed_at: 0,
        }
    }

    /// The start of its age, in agent time.
    pub(super) const fn begun(&self) -> u64 {
        if self.begun == 0 {
            self.raised
        } else {
            self.begun
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.end.is_none()
    }
}

fn hint(kind: AlertKind, link: &Link, now: SystemTime) -> String {
    match kind {
        AlertKind::Expiring => link.expiry_hint(clock::utc),
        AlertKind::Restricted => restriction_hint(link),
        AlertKind::Unrestricted => "messages that waited for this are being sent".to_owned(),
        AlertKind::ConnectionLost => {
            "the agent keeps trying: check whether its network reaches WhatsApp (`openclawctl status`)".to_owned()
        }
        _ => link.hint(now, clock::utc),
    }
}

fn restriction_hint(link: &Link) -> String {
    let restriction = link.restriction.as_ref();
    let hint = restriction.map(|it| it.hint(|at| clock::utc(clock::shown(at))));
    hint.unwrap_or_default()
}

/// 128 random bits.
fn new_id() -> String {
    format!("alert_{:032x}", fastrand::u128(..))
}

/// Loads the link history and all stored alerts.
#[must_use]
pub fn load(vault: &Vault) -> (LinkHistory, Vec<(u64, Row)>) {
    let history = vault.load(state_key());
    let history = history.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let entries = vault.scan(Tables::ALERTS, None);
    let rows = entries.iter().filter_map(|entry| {
        let number = u64::from_be_bytes(entry.id.as_slice().try_into().ok()?);
        Some((number, serde_json::from_slice(&entry.value).ok()?))
    });
    (history.unwrap_or_default(), rows.collect())
}

/// Stores all changes in one batch. Returns once they are durable.
pub async fn keep(vault: &Vault, history: Option<&LinkHistory>, rows: &[(u64, Option<Row>)]) {
    vault
        .update_durably(|update| {
            let batch = update.batch();
            if let Some(history) = history {
                batch.put(state_key(), &encoded(history));
            }
            for (number, row) in rows {
                let id = number.to_be_bytes();
                let key = Key::new(Tables::ALERTS, "", &id);
                match row {
                    Some(row) => batch.put(key, &encoded(row)),
                    None => batch.delete(key),
                };
            }
        })
        .await;
}

fn encoded(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers and strings can be encoded")
}

fn state_key() -> Key<'static> {
    Key::new(Tables::ALERT_STATE, "", "")
}
