//! Tokens of trusted contacts. Two writers each own a field, so every change is an atomic read and write.

use openclaw_state::vault::Tables;
use openclaw_vault::Key;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::TcTokenEntry;

use super::records::{Records, check_size, decode, encode, name};

/// The key of a contact's token.
pub(super) fn of(jid: &str) -> Key<'_> {
    Key::new(Tables::TC_TOKENS, "", jid)
}

/// Updates the time when we sent our own token; it never goes back.
pub(super) fn touch(records: &Records, jid: &str, at: i64) -> Result<()> {
    change(records, jid, |stored| match stored {
        Some(mut entry) => {
            let before = entry.sender_timestamp.unwrap_or(at);
            entry.sender_timestamp = Some(before.max(at));
            Some(entry)
        }
        None => Some(TcTokenEntry {
            token: Vec::new(),
            token_timestamp: at,
            sender_timestamp: Some(at),
        }),
    })
}

/// Stores a token, unless a newer one is stored.
pub(super) fn receive(records: &Records, jid: &str, token: &[u8], at: i64) -> Result<()> {
    change(records, jid, |stored| {
        let sender_timestamp = match &stored {
            Some(entry) if !entry.token.is_empty() && at < entry.token_timestamp => return None,
            Some(entry) => entry.sender_timestamp,
            None => None,
        };
        Some(TcTokenEntry {
            token: token.to_vec(),
            token_timestamp: at,
            sender_timestamp,
        })
    })
}

fn change(
    records: &Records,
    jid: &str,
    change: impl FnOnce(Option<TcTokenEntry>) -> Option<TcTokenEntry>,
) -> Result<()> {
    records.vault.update(|update| {
        let stored = records.row(of(jid), update.load(of(jid)));
        if let Some(entry) = change(stored) {
            let row = encode(&entry)?;
            check_size(row.len())?;
            update.batch().put(of(jid), &row);
        }
        Ok(())
    })
}

/// Removes rows in which both the token and our own sending have expired.
pub(super) fn expire(records: &Records, token_cutoff: i64, sender_cutoff: i64) -> u32 {
    let stale = |row: &[u8]| {
        decode::<TcTokenEntry>(row).is_some_and(|entry| {
            let token_live = !entry.token.is_empty() && entry.token_timestamp >= token_cutoff;
            let sender_live = entry.sender_timestamp.is_some_and(|at| at >= sender_cutoff);
            !token_live && !sender_live
        })
    };
    records.vault.update(|update| {
        let mut gone = 0;
        for entry in update.scan(Tables::TC_TOKENS, None) {
            if stale(&entry.value) {
                update.batch().delete(name(&entry));
                gone += 1;
            }
        }
        gone
    })
}
