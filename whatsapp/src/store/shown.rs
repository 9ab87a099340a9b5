//! Pairs of a LID and a number that stanzas have shown, until the library stores a mapping of either.
//!
//! The library (0.7.0, `learn_lid_pn_mapping_fast`) keeps a pair from a backlog message only in memory. It must not
//! be written to the library's own table: mappings that exist at the start count as migrated, and a session under the
//! number would never be moved to the LID (`needs_migration` in its `client/lid_pn.rs`).
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

/// Stores a pair. Becomes durable with the next commit of the vault.
pub(super) fn put(records: &Records, lid: &str, number: &str) {
    records.vault.update(|update| {
        forget(update, lid, number);
        let batch = update.batch();
        batch.put(by_lid(lid), number.as_bytes());
        batch.put(by_number(number), lid.as_bytes());
    });
}

/// Removes the pairs with this LID or this number.
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
