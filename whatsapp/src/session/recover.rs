//! Messages that an earlier process had decrypted but not yet recorded in the journal: they are recorded before any
//! new message can arrive, so that the order is kept. They may already be acknowledged to WhatsApp.

use std::time::{Duration, SystemTime};

use openclaw_state::admission::Held;
use openclaw_state::clock;
use openclaw_state::journal::Arrival;
use openclaw_types::{Contact, EventData, Lost, LostReason};
use whatsapp_rust::client::Client;
use whatsapp_rust::types::events::InboundMessage;
use whatsapp_rust::types::message::{MessageCategory, MessageInfo, MessageSource};
use whatsapp_rust::waproto;
use whatsapp_rust::{Jid, Server};

use super::inbound::Inbound;
use super::{Setup, translate};
use crate::store::{Pending, Store};

/// The library's own test record in the store, left over if a process ended during the test.
const PROBE: &str = "__wa_durability_probe_";

/// Returns once all of them are durable in the journal.
pub(super) async fn recover(client: &Client, store: &Store, setup: &Setup, inbound: &Inbound) {
    let pending = store.pending();
    if pending.is_empty() {
        return;
    }
    let arrivals: Vec<_> = pending
        .iter()
        .filter(|row| !row.id.starts_with(PROBE))
        .map(|row| Arrival {
            name: store.message_name([&row.chat, &row.sender], [None; 2], &row.id),
            what: match message(client, row) {
                Some(message) => translate::event_data(&message),
                None => Some(unreadable(row, store)),
            },
        })
        .collect();
    if !arrivals.is_empty() {
        tracing::info!(count = arrivals.len(), "pending messages recovered");
    }
    let now = clock::now();
    let (arrivals, held) = inbound.recovered(arrivals, now);
    setup.journal.arrive(arrivals, now, |batch, aside| {
        Held::keep(&held, aside, batch);
        for Pending {
            chat, sender, id, ..
        } in &pending
        {
            Store::settle(batch, chat, sender, id);
        }
    });
    setup.journal.flush().await;
    inbound.release();
}

/// It may have been acknowledged, but cannot be reported.
fn unreadable(row: &Pending, store: &Store) -> EventData {
    tracing::error!(
        id = row.id,
        hint = "ask the sender to send it again",
        "pending message is unreadable, recorded as lost"
    );
    let from_me = store.is_account(&Contact::of_jid(&row.sender));
    let reason = LostReason::Unreadable;
    EventData::Lost(Lost::of_jids(
        [&row.chat, &row.sender],
        &row.id,
        from_me,
        reason,
    ))
}

/// The information that is available without its stanza: no push name, and only the time of arrival.
fn message(client: &Client, row: &Pending) -> Option<InboundMessage> {
    let message = waproto::codec::message_decode(&row.message).ok()?;
    let (chat, sender): (Jid, Jid) = (row.chat.parse().ok()?, row.sender.parse().ok()?);
    let ours = [client.pn(), client.lid()];
    let is_ours = |jid: &Jid| ours.iter().flatten().any(|own| own.user == jid.user);
    let (is_from_me, is_to_self) = (is_ours(&sender), is_ours(&chat));
    // The stanza's own value is not stored.
    let is_peer = is_from_me && is_to_self && translate::is_between_devices(&message);
    let at = Duration::from_secs(u64::try_from(row.at).unwrap_or_default());
    let source = MessageSource {
        is_group: chat.server == Server::Group,
        chat,
        sender,
        is_from_me,
        ..Default::default()
    };
    let info = MessageInfo {
        id: row.id.clone(),
        source,
        timestamp: (SystemTime::UNIX_EPOCH + at).into(),
        is_offline: true,
        category: if is_peer {
            MessageCategory::Peer
        } else {
            MessageCategory::default()
        },
        ..Default::default()
    };
    let inbound = InboundMessage::builder().message(message.into());
    Some(inbound.info(info.into()).build())
}
