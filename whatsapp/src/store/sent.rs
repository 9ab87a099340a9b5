//! Sent messages, kept for a while in case a device requests a retry.

use openclaw_state::vault::{Tables, Update};
use openclaw_vault::Key;
use whatsapp_rust::wacore::store::error::Result;

use super::records::{Records, check_size, name, sweep, timed, untimed};

/// The maximum number, as in the library's own in-memory store; beyond it the oldest quarter is removed.
pub(super) const MAX_SENT_MESSAGES: usize = 4096;

fn of<'a>(chat: &'a str, id: &'a str) -> Key<'a> {
    Key::new(Tables::SENT_MESSAGES, chat, id)
}

pub(super) fn store(
    records: &Records,
    chat: &str,
    id: &str,
    payload: &[u8],
    at: i64,
) -> Result<()> {
    check_size(payload.len())?;
    let row = timed(at, payload);
    records.vault.update(|update| {
        if update.count(Tables::SENT_MESSAGES) >= MAX_SENT_MESSAGES {
            make_room(update);
        }
        update.batch().put(of(chat, id), &row);
        records.sent.add(at);
    });
    Ok(())
}

fn make_room(update: &mut Update<'_>) {
    let mut entries = update.scan(Tables::SENT_MESSAGES, None);
    let surplus = entries.len() - MAX_SENT_MESSAGES * 3 / 4;
    // The sort is stable: messages of the same second keep the order of their writes. Undecodable rows sort first.
    entries.sort_by_key(|entry| untimed(&entry.value).map(|(at, _)| at));
    for entry in entries.iter().take(surplus) {
        update.batch().delete(name(entry));
    }
}

/// Loads and removes a message, because it is resent only once.
pub(super) fn take(records: &Records, chat: &str, id: &str) -> Option<Vec<u8>> {
    let key = of(chat, id);
    let stored = records.vault.update(|update| {
        let stored = update.load(key);
        if stored.is_some() {
            update.batch().delete(key);
        }
        stored
    })?;
    let payload = untimed(&stored).map(|(_, payload)| payload.to_vec());
    records.readable(key, payload)
}

/// Loads it, and keeps it.
pub(super) fn load(records: &Records, chat: &str, id: &str) -> Option<Vec<u8>> {
    let key = of(chat, id);
    let stored = records.vault.load(key)?;
    let payload = untimed(&stored).map(|(_, payload)| payload.to_vec());
    records.readable(key, payload)
}

/// Removes messages sent before `cutoff`.
pub(super) fn expire(records: &Records, cutoff: i64) -> u32 {
    if records.sent.bound() >= cutoff {
        return 0;
    }
    let time = |row: &[u8]| untimed(row).map(|(at, _)| at);
    let over = |at| at < cutoff;
    records
        .vault
        .update(|update| sweep(update, Tables::SENT_MESSAGES, &records.sent, time, over))
}
