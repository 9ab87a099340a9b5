//! Messages sent, kept for a while in case a device asks for one again.

use openclaw_state::vault::{Tables, Update};
use openclaw_vault::Key;
use whatsapp_rust::wacore::store::error::Result;

use super::records::{Records, check_size, name, sweep, timed, untimed};

/// No more than this are kept, as in the library's own store in memory; then the oldest quarter goes.
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
    // Stable: of those of one second, the one written first goes first. Unreadable ones go before all.
    entries.sort_by_key(|entry| untimed(&entry.value).map(|(at, _)| at));
    for entry in entries.iter().take(surplus) {
        update.batch().delete(name(entry));
    }
}

/// Loads and removes: a message is sent again once.
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

/// Removes those sent before.
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
