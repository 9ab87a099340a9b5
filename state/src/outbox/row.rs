//! The stored form of a message: a row by token, and a separate payload while the message is still to be sent.

use std::time::SystemTime;

use openclaw_types::{
    MessageId, Nack, Payload, Phone, Recipient, SendReason, SendState, Sent, Token,
};
use openclaw_vault::{Batch, Key};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::entry::{Entry, Fingerprint, Stage};
use crate::vault::{Tables, Vault, from_millis, to_millis};

/// The scope of the rows.
const ROW: &[u8] = b"";
/// The scope of the payloads. Existing volumes use this name.
const PAYLOAD: &[u8] = b"text";

/// The stored row. Fields may be added, never renamed: volumes hold it. Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(rename = "n")]
    order: u64,
    #[serde(rename = "i")]
    id: String,
    to: String,
    /// The sending account.
    #[serde(rename = "p")]
    from: String,
    #[serde(rename = "d")]
    draft: Fingerprint,
    #[serde(rename = "s")]
    state: String,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(rename = "c")]
    created_at: u64,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    handed_at: Option<u64>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    server_ack_at: Option<u64>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    /// The code with which WhatsApp's server refused it.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    nack: Option<Nack>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    restricted_at: Option<u64>,
    /// True if the recipient is the account itself.
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    is_own: bool,
}

fn row_key(token: &Token) -> Key<'_> {
    Key::new(Tables::OUTBOX, ROW, token.as_str())
}

fn payload_key(token: &Token) -> Key<'_> {
    Key::new(Tables::OUTBOX, PAYLOAD, token.as_str())
}

/// Writes the current state of the message.
pub(super) fn put(batch: &mut Batch, entry: &Entry) {
    let Sent {
        id,
        token,
        state,
        server_ack_at,
        failure,
        nack,
    } = &entry.sent;
    let row = Row {
        order: entry.order,
        id: id.as_str().to_owned(),
        to: entry.to.address(),
        from: entry.account.e164(),
        draft: entry.draft,
        state: name(*state).to_owned(),
        failure: failure.as_ref().map(ToString::to_string),
        created_at: to_millis(entry.created_at),
        handed_at: entry.handed_at.map(to_millis),
        server_ack_at: server_ack_at.map(to_millis),
        until: entry.until.map(to_millis),
        nack: *nack,
        restricted_at: entry.restricted_at.map(to_millis),
        is_own: entry.is_own,
    };
    batch.put(row_key(token), &encoded(&row));
}

fn encoded(row: &Row) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(512));
    ciborium::into_writer(row, &mut *bytes)
        .expect("a row can be encoded, and writing into memory cannot fail");
    bytes
}

/// Writes the payload.
pub(super) fn put_payload(batch: &mut Batch, token: &Token, payload: &Payload) {
    batch.put(payload_key(token), payload.as_bytes());
}

/// Removes the payload, because the message will not be sent any more.
pub(super) fn drop_payload(batch: &mut Batch, token: &Token) {
    batch.delete(payload_key(token));
}

/// Removes the row and the payload.
pub(super) fn delete(batch: &mut Batch, token: &Token) {
    batch.delete(row_key(token));
    batch.delete(payload_key(token));
}

/// A row in the form in which a restore keeps it.
pub(super) struct AtRest {
    pub(super) value: Zeroizing<Vec<u8>>,
    /// True if the message was waiting to be sent.
    pub(super) waited: bool,
}

/// True if a record of the outbox table is a row.
pub(super) fn is_row(key: Key<'_>) -> bool {
    key.scope == ROW
}

/// Converts a row so that the message is only sent if its caller retries. `None` if the row cannot be decoded.
pub(super) fn at_rest(mut bytes: &[u8]) -> Option<AtRest> {
    let mut row: Row = ciborium::from_reader(&mut bytes).ok()?;
    let waited = row.until.is_some() && state(&row.state)? == SendState::Accepted;
    if waited {
        // The message may have been handed over after the backup was made.
        row.handed_at.get_or_insert(row.created_at);
        row.until = None;
    }
    Some(AtRest {
        value: encoded(&row),
        waited,
    })
}

/// The payload of a message.
pub(super) fn load_payload(vault: &Vault, token: &Token) -> Option<Payload> {
    let bytes = vault.load(payload_key(token))?;
    Some(Payload::kept(&bytes))
}

/// All messages, oldest first. Skips rows that cannot be decoded, and logs their number.
pub(super) fn load(vault: &Vault) -> Vec<Entry> {
    let rows = vault.scan(Tables::OUTBOX, Some(ROW));
    let count = rows.len();
    let read = rows
        .iter()
        .filter_map(|row| entry(std::str::from_utf8(&row.id).ok()?, &row.value));
    let mut entries: Vec<Entry> = read.collect();
    if entries.len() < count {
        tracing::warn!(
            count = count - entries.len(),
            hint = "written by a newer version? start that one: this one sends a message again if its token is used again",
            "unreadable outbox rows ignored"
        );
    }
    entries.sort_by_key(|entry| entry.order);
    entries
}

fn entry(token: &str, mut bytes: &[u8]) -> Option<Entry> {
    let row: Row = ciborium::from_reader(&mut bytes).ok()?;
    let state = state(&row.state)?;
    let sent = Sent {
        id: MessageId::new(&row.id),
        token: token.parse().ok()?,
        state,
        server_ack_at: row.server_ack_at.map(from_millis),
        failure: row.failure.map(SendReason::from),
        nack: row.nack,
    };
    let mut entry = Entry::new(
        sent,
        Recipient::of_address(&row.to)?,
        Phone::of_digits(&row.from)?,
        row.draft,
    );
    entry.order = row.order;
    entry.created_at = from_millis(row.created_at);
    entry.handed_at = row.handed_at.map(from_millis);
    entry.until = row.until.map(from_millis);
    entry.restricted_at = row.restricted_at.map(from_millis);
    entry.is_own = row.is_own;
    if entry.is_queued() {
        entry.stage = Stage::Waiting(SystemTime::UNIX_EPOCH);
    } else {
        // The row of a direct message is written only once, at submission, so the message may have been sent at any
        // time since.
        entry.handed_at.get_or_insert(entry.created_at);
    }
    Some(entry)
}

const STATES: [(SendState, &str); 5] = [
    (SendState::Accepted, "accepted"),
    (SendState::ServerAck, "server_ack"),
    (SendState::Delivered, "delivered"),
    (SendState::Read, "read"),
    (SendState::Failed, "failed"),
];

fn name(state: SendState) -> &'static str {
    let known = STATES.iter().find(|(it, _)| *it == state);
    known.map_or("", |(_, name)| name)
}

fn state(name: &str) -> Option<SendState> {
    let known = STATES.iter().find(|(_, it)| *it == name);
    known.map(|(state, _)| *state)
}
