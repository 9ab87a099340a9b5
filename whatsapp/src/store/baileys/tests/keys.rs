//! Unusual sessions and sender keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use whatsapp_rust::wacore::libsignal::protocol::{
    SenderKeyRecord, SenderKeyRecordComponents, SessionRecord, SessionRecordComponents,
};

use super::super::json::Fault;
use super::super::sender_key::SenderKey;
use super::super::session::{self, Session};
use super::file;

/// Three sessions with one person, in the order closed, closed, open; the open one has a skipped message.
const SESSIONS: &str = "session-125081686442798_1.0.json";
const FIRST: &str = "BbG7k+m+ccwW3Odp9ReICncH2ERtp4DCWRjrPVqANO49";
const OPEN: &str = "BT2g4AKVmKAiJ6p8Ijc4dIgiWuvMcKfrd/ZYnEpA8tsT";
/// The newest receiving chain of the open session.
const NEWEST: &str = "BQmJOMI49juxCRF0pK1p7QfxXNBBcqZJT7ZEmW8gee43";

fn parsed(text: &str) -> (Session, SessionRecordComponents) {
    let session = Session::parse(text.as_bytes(), session::context_without_device()).unwrap();
    let record = SessionRecord::deserialize(&session.record).unwrap();
    (session, record.into_components().unwrap())
}

fn base_key(record: &SessionRecordComponents) -> String {
    let current = record.current_session.as_ref().unwrap();
    BASE64.encode(current.alice_base_key.as_ref().unwrap())
}

#[test]
fn the_open_session_is_the_current_one_and_the_closed_ones_are_kept() {
    let (session, record) = parsed(&file(SESSIONS));
    assert_eq!((session.damaged, session.all), (0, 3));
    assert_eq!(base_key(&record), OPEN);
    assert_eq!(record.previous_sessions.len(), 2);
    let current = record.current_session.unwrap();
    assert_eq!(current.receiver_chains.len(), 1);
    assert_eq!(current.receiver_chains[0].message_keys[0].index, 1);
    let sending = current.sender_chain.unwrap().chain_key.unwrap();
    assert_eq!(sending.index, Some(0), "nothing was sent on it yet");
}

#[test]
fn of_two_open_sessions_the_first_is_used_as_in_libsignal_node() {
    let text = file(SESSIONS).replace("\"closed\":1795345028465", "\"closed\":-1");
    let (session, record) = parsed(&text);
    assert_eq!((session.damaged, base_key(&record).as_str()), (0, FIRST));
    assert_eq!(record.previous_sessions.len(), 2);
}

#[test]
fn a_damaged_session_does_not_invalidate_the_others() {
    let text = file(SESSIONS);
    let changed = text.replace("\"rootKey\":\"zxo/", "\"rootKey\":\"");
    let (session, record) = parsed(&changed);
    assert_eq!((session.damaged, session.all), (1, 3));
    assert_eq!(base_key(&record), OPEN);
    assert_eq!(record.previous_sessions.len(), 1);
    let none = text.replace("\"rootKey\":", "\"root\":");
    let refused = Session::parse(none.as_bytes(), session::context_without_device());
    assert!(matches!(refused, Err(Fault::NoSession)));
}

#[test]
fn a_registration_id_may_be_shared_by_the_record() {
    let text = file(SESSIONS).replace("\"registrationId\":11490,", "");
    let refused = Session::parse(text.as_bytes(), session::context_without_device());
    assert!(matches!(refused, Err(Fault::NoSession)));
    let text = text.replacen('{', "{\"registrationId\":11490,", 1);
    let (session, record) = parsed(&text);
    assert_eq!(session.damaged, 0);
    assert_eq!(
        record.current_session.unwrap().remote_registration_id,
        Some(11490)
    );
}

/// After ten turns of a conversation, the library would have dropped the chain with the skipped message.
#[test]
fn a_chain_with_a_skipped_message_outlives_useless_chains() {
    let chain = |n: u8, keys: &str| {
        let key = BASE64.encode([&[5][..], &[n; 32]].concat());
        format!(
            "\"{key}\":{{\"chainKey\":{{\"counter\":3}},\"chainType\":2,\"messageKeys\":{{{keys}}}}},"
        )
    };
    let seed = BASE64.encode([7; 32]);
    let old: String = std::iter::once(chain(1, &format!("\"2\":\"{seed}\"")))
        .chain((2..12).map(|n| chain(n, "")))
        .collect();
    let newest = format!("\"{NEWEST}\":{{\"chainKey\"");
    let text = file(SESSIONS).replace(&newest, &format!("{old}{newest}"));
    let (session, record) = parsed(&text);
    assert_eq!(session.damaged, 0);
    let chains = record.current_session.unwrap().receiver_chains;
    let keys: Vec<usize> = chains
        .iter()
        .map(|chain| chain.message_keys.len())
        .collect();
    assert_eq!(keys, [1, 1], "the old one, then the newest");
    assert_eq!(
        chains[0].sender_ratchet_key.as_deref(),
        Some(&[&[5][..], &[1; 32]].concat()[..])
    );
}

fn state(id: u32, iteration: u32, public: u8) -> Value {
    let public = [&[5][..], &[public; 32]].concat();
    json!({
        "senderKeyId": id,
        "senderChainKey": {"iteration": iteration, "seed": {"type": "Buffer", "data": vec![9; 32]}},
        "senderSigningKey": {"public": public, "private": {"type": "Buffer", "data": []}},
        "senderMessageKeys": [{"iteration": 0, "seed": BASE64.encode([8; 32])}],
    })
}

/// The ids and iterations of a record, newest first.
fn states(keys: &[Value]) -> Vec<(u32, u32)> {
    let keys = keys
        .iter()
        .map(|states| SenderKey::parse(states.to_string().as_bytes()).unwrap());
    let record = SenderKey::merged(keys.collect()).unwrap();
    let record = SenderKeyRecord::deserialize(&record).unwrap();
    let SenderKeyRecordComponents { states } = record.into_components().unwrap();
    states
        .iter()
        .map(|state| (state.key_id, state.chain_key.iteration))
        .collect()
}

#[test]
fn a_sender_keys_newest_state_comes_first() {
    let key = json!([state(1, 10, 1), state(2, 20, 2), state(3, 30, 3)]);
    assert_eq!(states(&[key]), [(3, 30), (2, 20), (1, 10)]);
}

#[test]
fn a_chain_announced_twice_continues_where_baileys_was() {
    let again = json!([state(1, 17, 1), state(2, 20, 2), state(1, 12, 1)]);
    assert_eq!(states(&[again]), [(1, 17), (2, 20)]);
    let another = json!([state(1, 17, 1), state(1, 12, 4)]);
    assert_eq!(
        states(&[another]),
        [(1, 12)],
        "another chain by the same id"
    );
}

#[test]
fn keys_of_one_persons_devices_share_a_record() {
    let phone = json!([
        state(1, 1, 1),
        state(2, 2, 2),
        state(3, 3, 3),
        state(4, 4, 4)
    ]);
    let laptop = json!([state(5, 5, 5), state(6, 6, 6)]);
    let merged = states(&[phone, laptop]);
    assert_eq!(merged, [(4, 4), (6, 6), (3, 3), (5, 5), (2, 2)], "five fit");
}

#[test]
fn our_own_sender_key_keeps_its_private_half() {
    let own = file("sender-key-120363000000000001@g.us--125081638171399_1--1.json");
    let others = file("sender-key-120363000000000001@g.us--125081686442798_1--0.json");
    for (text, private) in [(own, true), (others, false)] {
        let key = SenderKey::parse(text.as_bytes()).unwrap();
        let record = SenderKey::merged(vec![key]).unwrap();
        let record = SenderKeyRecord::deserialize(&record).unwrap();
        let state = &record.into_components().unwrap().states[0];
        assert_eq!(state.signing_key.private.is_some(), private);
        assert_eq!(state.chain_key.iteration, 1);
    }
}
