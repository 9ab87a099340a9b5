//! Messages that were decrypted but are not in the journal yet. The library writes them here first, and reads them
//! when WhatsApp redelivers a message that the ratchet has already decrypted.
//!
//! They are written without a commit: a message is acknowledged once it is durable either in the journal or here.

use std::sync::PoisonError;

use openclaw_state::vault::{Tables, Ticket};
use openclaw_types::{Contact, Lost, LostReason};
use openclaw_vault::{Batch, Key};
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{PendingInboundKey, PendingInboundRow};
use zeroize::Zeroizing;

use super::Store;
use super::records::{Records, check_size, joined, now, split, timed, untimed};

/// The library's writes are split into batches of this size.
const PART_BYTES: usize = 256 << 10;

/// A message that an earlier process decrypted but did not journal.
pub(crate) struct Pending {
    pub(crate) chat: String,
    pub(crate) sender: String,
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) at: i64,
    /// In the library's encoding.
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
        // The rows are independent and need not be atomic, and there may be 4 MiB of them.
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

/// The library calls this for a message that its ratchet has already decrypted, and acknowledges the message if
/// nothing is found. If the journal does not have it either, a crash occurred between the write of the ratchet and of
/// this table. The message is then recorded as lost, because WhatsApp will not deliver it again (security notes,
/// "live-path race": wacore-0.7.0 releases the session's lock before this row is written, and another stanza's flush
/// may write the ratchet in between).
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
        // Most were removed when the journal took them.
        if records.vault.contains(key(chat, &name)) {
            batch.delete(key(chat, &name));
        }
    }
    if !batch.is_empty() {
        records.vault.write(&batch);
    }
}

impl Store {
    /// All pending messages, in the order in which they arrived.
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

    /// Removes a message from this table in the batch that journals it.
    pub(crate) fn settle(batch: &mut Batch, chat: &str, sender: &str, id: &str) {
        batch.delete(key(chat, &joined(sender, id)));
    }

    /// Once this ticket is durable, all pending messages are.
    pub(crate) fn pending_written(&self) -> Ticket {
        let ticket = self.records.pending.lock();
        *ticket.unwrap_or_else(PoisonError::into_inner)
    }
}
