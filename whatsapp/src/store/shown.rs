//! Pairs of a LID and a number that stanzas showed, from then until the library stores one of either.
//!
//! What a message of the backlog shows, the library (0.7.0, `learn_lid_pn_mapping_fast`) keeps in memory only. It is not
//! written to the library's own table: what stands there at a start counts as handled, and a session that is still under the
//! number would never be moved to the LID (`needs_migration` in its `client/lid_pn.rs`).

use openclaw_state::vault::{Tables, Update};
use openclaw_vault::Key;

use super::records::{Records, taken};

fn by_lid(lid: &str) -> Key<'_> {
    Key::new(Tables::SHOWN_LIDS, "lid", lid)
}

fn by_number(number: &str) -> Key<'_> {
    Key::new(Tables::SHOWN_LIDS, "number", number)
}

pub(super) fn lid_of(records: &Records, number: &str) -> Option<String> {
    text(records, by_number(number))
}

pub(super) fn number_of(records: &Records, lid: &str) -> Option<String> {
    text(records, by_lid(lid))
}

fn text(records: &Records, key: Key<'_>) -> Option<String> {
    String::from_utf8(taken(records.vault.load(key)?)).ok()
}

/// Takes a pair down. It is durable with whatever is written to the vault after it.
pub(super) fn put(records: &Records, lid: &str, number: &str) {
    records.vault.update(|update| {
        forget(update, lid, number);
        let batch = update.batch();
        batch.put(by_lid(lid), number.as_bytes());
        batch.put(by_number(number), lid.as_bytes());
    });
}

/// Removes the pairs of which this is the LID or the number.
pub(super) fn forget(update: &mut Update<'_>, lid: &str, number: &str) {
    for (key, other) in [
        (by_lid(lid), by_number as fn(&str) -> Key<'_>),
        (by_number(number), by_lid),
    ] {
        let Some(value) = update.load(key) else {
            continue;
        };
        update.batch().delete(key);
        if let Ok(name) = str::from_utf8(&value) {
            update.batch().delete(other(name));
        }
    }
}
