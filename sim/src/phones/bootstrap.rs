//! What the phone sends a newly linked companion by itself: the app-state key, and a little history.

use std::sync::Arc;

use buffa::MessageField;
use waproto::whatsapp::message::protocol_message::Type;
use waproto::whatsapp::message::{HistorySyncNotification, HistorySyncType, ProtocolMessage};
use waproto::{codec, whatsapp as wa};

use crate::clock::unix_now;
use crate::number::DeviceId;
use crate::phones::seal;
use crate::signal::party::Party;
use crate::state::sent::Envelope;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Sends keys and history once, as soon as the companion's prekeys are there.
pub(crate) fn begin(shared: &Shared, id: &DeviceId) {
    let now = unix_now();
    let (party, name) = {
        let mut state = lock(&shared.state);
        let Some(companion) = state.companion(id) else {
            return;
        };
        if companion.bootstrapped || !companion.keys.uploaded {
            return;
        }
        companion.bootstrapped = true;
        let user = state.user(&id.0);
        user.app_state.prepare(&user.name, now);
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

/// The app-state key, as at linking or when a companion asks for it.
pub(crate) fn share_keys(shared: &Shared, party: &mut Party, id: &DeviceId) {
    let share = lock(&shared.state).user(&id.0).app_state.key_share();
    let message = protocol(ProtocolMessage {
        r#type: Some(Type::APP_STATE_SYNC_KEY_SHARE),
        app_state_sync_key_share: MessageField::some(share),
        ..Default::default()
    });
    send_to_companion(shared, party, id, &message);
}

/// One message from the phone to its own companion, which no other device gets.
fn send_to_companion(shared: &Shared, party: &mut Party, id: &DeviceId, message: &wa::Message) {
    let envelope = Envelope::to_own_companion(&id.0);
    if let Err(error) = seal::send(shared, party, id, &envelope, message) {
        tracing::error!(%error, "the phone cannot reach its companion");
    }
}

fn protocol(message: ProtocolMessage) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(message),
        ..Default::default()
    }
}

fn notification(kind: HistorySyncType, history: &wa::HistorySync) -> wa::Message {
    let payload = zlib_stored(&codec::history_sync_to_vec(history));
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

/// An empty bootstrap (Baileys holds events back until it has one), and the phone's own name.
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

/// zlib (RFC 1950) around stored blocks: right for a few bytes, and no compressor is needed.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    const HEADER: [u8; 2] = [0x78, 0x01];
    let mut out = HEADER.to_vec();
    let mut chunks = data.chunks(usize::from(u16::MAX)).peekable();
    if chunks.peek().is_none() {
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        out.push(u8::from(chunks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    out.extend_from_slice(&adler32(data).to_be_bytes());
    out
}

fn adler32(data: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = data.iter().fold((1u32, 0u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;
    use wacore_binary::zlib_pool::decompress_zlib_pooled;

    #[test]
    fn stored_zlib_is_read_by_a_real_inflater() {
        for length in [0, 1, 1000, 65_535, 65_536, 200_000] {
            let data: Vec<u8> = (0..length).map(|i: u32| i.to_le_bytes()[0]).collect();
            let back = decompress_zlib_pooled(&zlib_stored(&data), 1 << 20).expect("zlib");
            assert_eq!(back, data);
        }
    }
}
