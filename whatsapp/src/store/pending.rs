//! Messages that were decrypted and are not in the journal yet: the library writes them here first, and asks for them when
//! WhatsApp delivers a message again that its ratchet has seen.
//!
//! Only written, not committed: a message is acknowledged once it is durable in the journal, or here.

use std::sync::PoisonError;

use openclaw_state::vault::{Tables, Ticket};
use openclaw_types::{Contact, Lost, LostReason};
use openclaw_vault::{Batch, Key};
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{PendingInboundKey, PendingInboundRow};
use zeroize::Zeroizing;

use super::Store;
use super::records::{Records, check_size, joined, now, split, timed, untimed};

/// How much of what the library writes at once is copied at once.
const PART_BYTES: usize = 256 << 10;

/// A message that a process left behind that ended before the journal had it.
pub(crate) struct Pending {
    pub(crate) chat: String,
    pub(crate) sender: String,
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) at: i64,
    /// As the library encodes it.
    pub(crate) message: Zeroizing<Vec<u8>>,
}

fn key<'a>(chat: &'a str, id: &'a [u8]) -> Key<'a> {
    Key::new(Tables::PENDING_INBOUND, chat, id)
}

pub(super) fn write(records: &Records, rows: &[PendingInboundRow<'_>]) -> Result<()> {
    let (now, mut batch) = (now(), Batch::new());
    for row in rows {
        let PendingInboundRow {
            chat,
            sender,
            id,
            message,
        } = *row;
        check_size(message.len())?;
        batch.put(key(chat, &joined(sender, id)), &timed(now, message));
        // Each is found by itself: they need not be written together, and there may be 4 MiB of them.
        if batch.len() > PART_BYTES {
            records.vault.write(&std::mem::take(&mut batch));
        }
    }
    let ticket = records.vault.write(&batch);
    *records
        .pending
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = ticket;
    Ok(())
}

/// The library asks this of a message whose ratchet says that it came before, and acknowledges it when there is nothing.
/// If the journal has nothing of it either, a crash came between the ratchet and this table: then that is said, since
/// It is about to be acknowledged to WhatsApp (security notes, "live-path race": wacore-0.7.0 drops the session's lock
/// before the row is written, and another stanza's flush may write the ratchet in between).
pub(super) async fn find(records: &Records, chat: &str, sender: &str, id: &str) -> Option<Vec<u8>> {
    let name = joined(sender, id);
    let key = key(chat, &name);
    if let Some(stored) = records.vault.load(key) {
        let message = untimed(&stored).map(|(_, message)| message.to_vec());
        return records.readable(key, message);
    }
    if let Some(inbox) = &records.inbox {
        let named = records.message_name([chat, sender], [None; 2], id);
        if !inbox.knows(&named) {
            let from_me = records.is_account(&Contact::of_jid(sender));
            let lost = Lost::of_jids([chat, sender], id, from_me, LostReason::NotKept);
            inbox.lost(named, lost).await;
        }
    }
    None
}

pub(super) fn remove<'a>(records: &Records, keys: impl IntoIterator<Item = PendingInboundKey<'a>>) {
    let mut batch = Batch::new();
    for PendingInboundKey { chat, sender, id } in keys {
        let name = joined(sender, id);
        // Most went when the journal took them.
        if records.vault.contains(key(chat, &name)) {
            batch.delete(key(chat, &name));
        }
    }
    if !batch.is_empty() {
        records.vault.write(&batch);
    }
}

impl Store {
    /// Every such message, in the order they came.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        let rows = self.vault().scan(Tables::PENDING_INBOUND, None);
        let pending = rows.into_iter().filter_map(|row| {
            let (at, message) = untimed(&row.value)?;
            let (sender, id) = split(&row.id)?;
            Some(Pending {
                chat: String::from_utf8(row.scope.clone()).ok()?,
                sender,
                id,
                at,
                message: Zeroizing::new(message.to_vec()),
            })
        });
        pending.collect()
    }

    /// Lets a batch remove one that it gives to the journal.
    pub(crate) fn settle(batch: &mut Batch, chat: &str, sender: &str, id: &str) {
        batch.delete(key(chat, &joined(sender, id)));
    }

    /// Once this is durable, so are all of them.
    pub(crate) fn pending_written(&self) -> Ticket {
        let ticket = self.records.pending.lock();
        *ticket.unwrap_or_else(PoisonError::into_inner)
    }
}
