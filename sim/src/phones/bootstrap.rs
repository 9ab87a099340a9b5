//! What the phone sends to a newly linked companion automatically: the app-state key, and a short history.

use std::sync::Arc;

use buffa::MessageField;
use waproto::whatsapp::message::protocol_message::Type;
use waproto::whatsapp::message::{HistorySyncNotification, HistorySyncType, ProtocolMessage};
use waproto::{codec, whatsapp as wa};

use crate::clock::unix_now;
use crate::number::DeviceId;
use crate::phones::seal;
use crate::signal::party::Party;
use crate::state::config::Leniency;
use crate::state::sent::Envelope;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::deflate;

/// Sends keys and history once, as soon as the companion has uploaded prekeys and its first backlog has ended: clients
/// expect the history after that.
pub(crate) fn begin(shared: &Shared, id: &DeviceId) {
    let now = unix_now();
    let (party, name) = {
        let mut state = lock(&shared.state);
        let Some(companion) = state.companion(id) else {
            return;
        };
        let behind = companion.feed.is_some_and(|feed| feed.waited.is_some());
        let ready = companion.active && !behind && companion.keys.uploaded;
        if companion.bootstrapped || !ready {
            return;
        }
        companion.bootstrapped = true;
        let user = state.user(&id.0);
        user.app_state.prepare(&user.name, now);
        if shared.config.is_strict(Leniency::Tokens) {
            user.app_state.share_salt(now);
        }
        (Arc::clone(&user.party), user.name.clone())
    };
    let mut party = lock(&party);
    share_keys(shared, &mut party, id);
    if shared.config.history {
        for (kind, history) in histories(id, &name) {
            send_to_companion(shared, &mut party, id, &notification(kind, &history));
        }
    }
    drop(party);
    shared.announce();
}

/// The app-state key, as at linking or when a companion requests it.
pub(crate) fn share_keys(shared: &Shared, party: &mut Party, id: &DeviceId) {
    let share = lock(&shared.state).user(&id.0).app_state.key_share();
    let message = protocol(ProtocolMessage {
        r#type: Some(Type::APP_STATE_SYNC_KEY_SHARE),
        app_state_sync_key_share: MessageField::some(share),
        ..Default::default()
    });
    send_to_companion(shared, party, id, &message);
}

/// Sends one message from the phone to its own companion only.
pub(crate) fn send_to_companion(
    shared: &Shared,
    party: &mut Party,
    id: &DeviceId,
    message: &wa::Message,
) {
    let envelope = Envelope::to_own_companion(&id.0);
    // The companion may request the message again, or the file that it refers to.
    lock(&shared.state).user(&id.0).remember(&envelope, message);
    if let Err(error) = seal::send(shared, party, id, &envelope, message) {
        tracing::error!(%error, "the phone cannot reach its companion");
    }
}

pub(crate) fn protocol(message: ProtocolMessage) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(message),
        ..Default::default()
    }
}

fn notification(kind: HistorySyncType, history: &wa::HistorySync) -> wa::Message {
    let payload = deflate::zlib(&codec::history_sync_to_vec(history));
    protocol(ProtocolMessage {
        r#type: Some(Type::HISTORY_SYNC_NOTIFICATION),
        history_sync_notification: MessageField::some(HistorySyncNotification {
            file_length: u64::try_from(payload.len()).ok(),
            sync_type: Some(kind),
            chunk_order: Some(1),
            progress: Some(100),
            initial_hist_bootstrap_inline_payload: Some(payload),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// An empty bootstrap (Baileys delays events until it has one), and the phone's own push name.
fn histories(id: &DeviceId, name: &str) -> [(HistorySyncType, wa::HistorySync); 2] {
    let mapping = wa::PhoneNumberToLIDMapping {
        pn_jid: Some(id.0.pn().to_string()),
        lid_jid: Some(id.0.lid().to_string()),
    };
    let bootstrap = wa::HistorySync {
        sync_type: wa::history_sync::HistorySyncType::INITIAL_BOOTSTRAP,
        chunk_order: Some(1),
        progress: Some(100),
        phone_number_to_lid_mappings: vec![mapping],
        ..Default::default()
    };
    let names = wa::HistorySync {
        sync_type: wa::history_sync::HistorySyncType::PUSH_NAME,
        pushnames: vec![wa::Pushname {
            id: Some(id.0.pn().to_string()),
            pushname: Some(name.to_owned()),
        }],
        ..Default::default()
    };
    [
        (HistorySyncType::INITIAL_BOOTSTRAP, bootstrap),
        (HistorySyncType::PUSH_NAME, names),
    ]
}
