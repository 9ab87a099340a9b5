//! The part of a session record that must never be reused with a contact: the sending key, and how many of its
//! counters may have been used. Everything else can be recovered by the protocol.
//!
//! Parsed from the record's bytes, because the library has no accessor that does not recompute the session.

use super::protobuf::{Value, next_field};

/// `RecordStructure.current_session`, `SessionStructure.sender_chain`, `Chain.sender_ratchet_key`.
const RATCHET_KEY: [u64; 3] = [1, 6, 1];
/// The library's own field: counters below this value may have been used (wacore-libsignal 0.7.0,
/// `src/protocol/local_field.rs:8`).
const CEILING: u64 = 100;

/// The part of a session record that must never be reused.
#[derive(PartialEq, Eq)]
pub(super) struct Sending<'a> {
    ratchet_key: &'a [u8],
    ceiling: u64,
}

impl<'a> Sending<'a> {
    /// `None` if the record has no sending chain, or another encoding.
    pub(super) fn of(record: &'a [u8]) -> Option<Self> {
        let mut ratchet_key = record;
        for number in RATCHET_KEY {
            ratchet_key = match field(ratchet_key, number)? {
                Some(Value::Bytes(bytes) | Value::Fixed(bytes)) => bytes,
                _ => return None,
            };
        }
        let ceiling = match field(record, CEILING)? {
            Some(Value::Varint(ceiling)) => ceiling,
            Some(Value::Bytes(_) | Value::Fixed(_)) => return None,
            None => 0,
        };
        Some(Self {
            ratchet_key,
            ceiling,
        })
    }
}

/// The first field with this number in a protobuf message: `Some(None)` if it is missing, `None` if the message is
/// malformed.
fn field(mut message: &[u8], wanted: u64) -> Option<Option<Value<'_>>> {
    while !message.is_empty() {
        let (number, value) = next_field(&mut message)?;
        if number == wanted {
            return Some(Some(value));
        }
    }
    Some(None)
}

#[cfg(test)]
pub(super) mod tests {
    use whatsapp_rust::wacore::libsignal::protocol::{
        SessionChainComponents, SessionChainKeyComponents, SessionComponents, SessionRecord,
        SessionRecordComponents,
    };

    use super::*;

    /// A session as the library stores it, at the start of a chain.
    pub(crate) fn record(ratchet_key: u8) -> SessionRecord {
        let sender_chain = SessionChainComponents {
            sender_ratchet_key: Some([&[5][..], &[ratchet_key; 32]].concat()),
            sender_ratchet_key_private: Some(vec![8; 32]),
            chain_key: Some(SessionChainKeyComponents {
                index: Some(0),
                key: Some(vec![7; 32]),
            }),
            message_keys: Vec::new(),
        };
        let session = SessionComponents {
            session_version: Some(3),
            root_key: Some(vec![9; 32]),
            sender_chain: Some(sender_chain),
            ..Default::default()
        };
        SessionRecord::from_components(SessionRecordComponents {
            current_session: Some(session),
            previous_sessions: Vec::new(),
        })
        .unwrap()
    }

    #[test]
    fn the_sending_key_is_found_in_the_librarys_records() {
        let mut record = record(3);
        let ratchet_key = [&[5][..], &[3; 32]].concat();
        for (spent, ceiling) in [(None, 0), (Some(0), 64), (Some(63), 64), (Some(64), 128)] {
            if let Some(spent) = spent {
                record.reserve_sender_chain_counters(spent);
            }
            let mut bytes = Vec::new();
            record.serialize_into_for_store(&mut bytes, &[1; 16]);
            let sending = Sending::of(&bytes).unwrap();
            assert_eq!(sending.ratchet_key, ratchet_key);
            assert_eq!(sending.ceiling, ceiling);
        }
    }

    #[test]
    fn invalid_records_and_records_without_a_sending_chain_yield_none() {
        let fresh = SessionRecord::new_fresh().serialize().unwrap();
        assert!(Sending::of(&fresh).is_none());
        let bytes = record(3).serialize().unwrap();
        for cut in 0..bytes.len() {
            assert!(Sending::of(&bytes[..cut]).is_none(), "{cut}");
        }
        assert!(Sending::of(b"a session").is_none());
    }
}
