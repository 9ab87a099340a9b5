//! LIDs and the numbers behind them: one row a LID, and a way back from each number to the LID reported last.

use std::collections::HashMap;

use openclaw_state::vault::{Tables, Update};
use openclaw_vault::Key;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::LidPnMappingEntry;

use super::records::{Records, encode, taken};
use super::shown;

/// Where a LID's mapping is.
pub(super) fn of_lid(lid: &str) -> Key<'_> {
    Key::new(Tables::LID_MAPPINGS, "", lid)
}

fn of_number(phone: &str) -> Key<'_> {
    Key::new(Tables::LID_OF_NUMBER, "", phone)
}

/// The LID that a number was last reported with.
pub(super) fn by_number(records: &Records, phone: &str) -> Option<LidPnMappingEntry> {
    let (key, mapping) = records.vault.update(|update| {
        let lid = lid_of(update, phone)?;
        let mapping = update.load(of_lid(&lid));
        Some((lid, mapping))
    })?;
    let mapping: LidPnMappingEntry = records.row(of_lid(&key), mapping)?;
    (mapping.phone_number == phone).then_some(mapping)
}

/// The mapping of a LID.
pub(super) fn by_lid(records: &Records, lid: &str) -> Option<LidPnMappingEntry> {
    records.load_row(of_lid(lid))
}

fn lid_of(update: &Update<'_>, phone: &str) -> Option<String> {
    String::from_utf8(taken(update.load(of_number(phone))?)).ok()
}

/// Puts mappings, in order, with their ways back. A number that a LID had before leads to it no more.
pub(super) fn put(records: &Records, entries: &[LidPnMappingEntry]) -> Result<()> {
    let rows: Result<Vec<_>> = entries.iter().map(encode).collect();
    let rows = rows?;
    records.vault.update(|update| {
        // What this update has written, which its reads do not show.
        let mut numbers: HashMap<&str, &str> = HashMap::new();
        let mut lids: HashMap<&str, Option<&str>> = HashMap::new();
        for (entry, row) in entries.iter().zip(&rows) {
            let LidPnMappingEntry {
                lid, phone_number, ..
            } = entry;
            let stored;
            let before = match numbers.get(lid.as_str()) {
                Some(number) => Some(*number),
                None => {
                    let value = update.load(of_lid(lid));
                    stored = records.row::<LidPnMappingEntry>(of_lid(lid), value);
                    stored.as_ref().map(|stored| stored.phone_number.as_str())
                }
            };
            if let Some(before) = before
                && before != phone_number
            {
                let back = match lids.get(before) {
                    Some(back) => back.map(str::to_owned),
                    None => lid_of(update, before),
                };
                if back.as_deref() == Some(lid) {
                    update.batch().delete(of_number(before));
                    if let Some(written) = lids.get_mut(before) {
                        *written = None;
                    }
                }
            }
            shown::forget(update, lid, phone_number);
            update.batch().put(of_lid(lid), row);
            update.batch().put(of_number(phone_number), lid.as_bytes());
            numbers.insert(lid, phone_number);
            lids.insert(phone_number, Some(lid));
        }
    });
    Ok(())
}

/// The LID of a number: as a stanza showed it since the library stored one, else as the library did, unless a stanza has
/// shown that LID with another number since.
pub(super) fn lid_of_number(records: &Records, phone: &str) -> Option<String> {
    shown::lid_of(records, phone).or_else(|| {
        let lid = by_number(records, phone)?.lid;
        shown::number_of(records, &lid).is_none().then_some(lid)
    })
}

/// The number behind a LID, in the same way.
pub(super) fn number_of_lid(records: &Records, lid: &str) -> Option<String> {
    shown::number_of(records, lid).or_else(|| {
        let number = by_lid(records, lid)?.phone_number;
        shown::lid_of(records, &number).is_none().then_some(number)
    })
}

/// As [`number_of_lid`], if that number's LID is this one: a number that has another by now is someone else's.
pub(super) fn number_of(records: &Records, lid: &str) -> Option<String> {
    let number = number_of_lid(records, lid)?;
    let back = lid_of_number(records, &number)?;
    (back == lid).then_some(number)
}
