//! Mappings of LIDs and phone numbers: one row a LID, and a row a number with its latest LID.

use std::collections::HashMap;

use openclaw_state::vault::{Tables, Update};
use openclaw_vault::Key;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::LidPnMappingEntry;

use super::records::{Records, encode, taken};
use super::{shown, spellings};

/// The key of a LID's mapping.
pub(super) fn of_lid(lid: &str) -> Key<'_> {
    Key::new(Tables::LID_MAPPINGS, "", lid)
}

fn of_number(phone: &str) -> Key<'_> {
    Key::new(Tables::LID_OF_NUMBER, "", phone)
}

/// The latest LID of a number.
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

/// Stores mappings in order, and updates the rows by number. A number that a LID had earlier no longer refers to that
/// LID.
pub(super) fn put(records: &Records, entries: &[LidPnMappingEntry]) -> Result<()> {
    let rows: Result<Vec<_>> = entries.iter().map(encode).collect();
    let rows = rows?;
    records.vault.update(|update| {
        // The rows written in this update, which its reads do not return.
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

/// The LID of a number, in whichever spelling.
pub(super) fn lid_of_number(records: &Records, phone: &str) -> Option<String> {
    lid_as_spelled(records, phone).or_else(|| {
        let spelling = spellings::of(records, phone)?;
        lid_as_spelled(records, &spelling)
    })
}

/// The LID that a stanza has shown since the library's last mapping; otherwise the library's, unless a stanza has since
/// shown that LID with another number.
fn lid_as_spelled(records: &Records, phone: &str) -> Option<String> {
    shown::lid_of(records, phone).or_else(|| {
        let lid = by_number(records, phone)?.lid;
        shown::number_of(records, &lid).is_none().then_some(lid)
    })
}

/// The number of a LID, found in the same way, as WhatsApp spells it.
pub(super) fn number_of_lid(records: &Records, lid: &str) -> Option<String> {
    shown::number_of(records, lid).or_else(|| {
        let number = by_lid(records, lid)?.phone_number;
        shown::lid_of(records, &number).is_none().then_some(number)
    })
}

/// Like [`number_of_lid`], but `None` if that number has another LID by now: then the number belongs to someone else.
pub(super) fn number_of(records: &Records, lid: &str) -> Option<String> {
    let number = number_of_lid(records, lid)?;
    let back = lid_of_number(records, &number)?;
    (back == lid).then_some(number)
}
