//! Every message of the contract survives the way to JSON and back, with every field set and each arm of its oneofs.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::there_and_back_by_name;
use crate::v1;

/// The bytes, their JSON, and the bytes again.
pub(super) struct Trip {
    before: Vec<u8>,
    json: String,
    after: Vec<u8>,
}

pub(super) fn there_and_back<M>(bytes: &[u8]) -> Trip
where
    M: Message + Default + Serialize + DeserializeOwned,
{
    let message = M::decode(bytes).unwrap();
    let json = serde_json::to_string(&message).unwrap();
    let again: M = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    Trip {
        before: message.encode_to_vec(),
        json,
        after: again.encode_to_vec(),
    }
}

struct Contract {
    messages: Vec<DescriptorProto>,
    enums: Vec<EnumDescriptorProto>,
}

impl Contract {
    fn load() -> Self {
        let set = FileDescriptorSet::decode(crate::DESCRIPTORS).unwrap();
        let (mut messages, mut enums) = (Vec::new(), Vec::new());
        for file in set.file {
            messages.extend(file.message_type);
            enums.extend(file.enum_type);
        }
        Self { messages, enums }
    }

    fn message(&self, type_name: &str) -> &DescriptorProto {
        let name = type_name.rsplit('.').next().unwrap();
        self.messages.iter().find(|it| it.name() == name).unwrap()
    }

    /// A message with every field set, and of each oneof the arm with this number.
    fn filled(&self, message: &DescriptorProto, arm: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in &message.field {
            let arms: Vec<i32> = message
                .field
                .iter()
                .filter(|it| field.oneof_index.is_some() && it.oneof_index == field.oneof_index)
                .map(FieldDescriptorProto::number)
                .collect();
            if arms.is_empty() || arms[arm % arms.len()] == field.number() {
                let times = if field.label() == Label::Repeated {
                    2
                } else {
                    1
                };
                for _ in 0..times {
                    self.put(field, arm, &mut bytes);
                }
            }
        }
        bytes
    }

    fn put(&self, field: &FieldDescriptorProto, arm: usize, bytes: &mut Vec<u8>) {
        let number = u32::try_from(field.number()).unwrap();
        let varint = |value: u64, bytes: &mut Vec<u8>| {
            encode_key(number, WireType::Varint, bytes);
            encode_varint(value, bytes);
        };
        let long = |value: &[u8], bytes: &mut Vec<u8>| {
            encode_key(number, WireType::LengthDelimited, bytes);
            encode_varint(value.len() as u64, bytes);
            bytes.extend_from_slice(value);
        };
        match field.r#type() {
            Type::Bool => varint(1, bytes),
            Type::Enum => {
                let name = field.type_name().rsplit('.').next().unwrap();
                let known = self.enums.iter().find(|it| it.name() == name).unwrap();
                varint(1 + (arm % (known.value.len() - 1)) as u64, bytes);
            }
            Type::Int32 | Type::Uint32 => varint(i32::MAX as u64, bytes),
            // The largest that every reader of JSON keeps whole.
            Type::Int64 | Type::Uint64 => varint((1 << 53) - 1, bytes),
            Type::Fixed64 => {
                encode_key(number, WireType::SixtyFourBit, bytes);
                bytes.extend_from_slice(&u64::MAX.to_le_bytes());
            }
            Type::Double => {
                encode_key(number, WireType::SixtyFourBit, bytes);
                bytes.extend_from_slice(&(-36.848_461_f64).to_le_bytes());
            }
            Type::String => long("“naïve” \u{1f600}\n".as_bytes(), bytes),
            Type::Bytes => long(&[0, 255, 7], bytes),
            Type::Message if field.type_name().starts_with(".google.protobuf.") => {
                // Of a Timestamp and of a Duration: 1,234,567 s and 500 ms.
                long(
                    &[0x08, 0x87, 0xad, 0x4b, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01],
                    bytes,
                );
            }
            Type::Message => long(&self.filled(self.message(field.type_name()), arm), bytes),
            other => panic!("no value for {other:?}"),
        }
    }
}

#[test]
fn every_message_survives_json() {
    let contract = Contract::load();
    for message in contract
        .messages
        .iter()
        .filter(|it| !matches!(it.name(), "Timestamp" | "Duration"))
    {
        for arm in 0..16 {
            let Trip {
                before,
                json,
                after,
            } = there_and_back_by_name(message.name(), &contract.filled(message, arm));
            assert_eq!(before, after, "{}: {json}", message.name());
        }
        let Trip {
            before,
            json,
            after,
        } = there_and_back_by_name(message.name(), &[]);
        assert!(
            before.is_empty() && after.is_empty(),
            "{}: {json}",
            message.name()
        );
    }
}

#[test]
fn the_shape_is_what_its_documentation_says() {
    let event = v1::Event {
        seq: 7,
        recorded_at: Some(prost_types::Timestamp {
            seconds: 0,
            nanos: 0,
        }),
        agent: Some(v1::AgentIdentity {
            name: "site-2".into(),
            store_id: vec![0xab, 1],
        }),
        kind: Some(v1::event::Kind::Receipt(v1::Receipt {
            message_ids: vec!["3EB0AA".into()],
            chat: "1@lid".into(),
            chat_kind: v1::ChatKind::Person.into(),
            recipient: None,
            state: v1::SendState::ServerAck.into(),
            check: 0,
        })),
        chat_with: None,
    };
    let expected = r#"{"seq":7,"recorded_at":"1970-01-01T00:00:00Z","agent":{"name":"site-2","store_id":"ab01"},"chat_with":null,"kind":"receipt","receipt":{"message_ids":["3EB0AA"],"chat":"1@lid","chat_kind":"person","recipient":null,"state":"server_ack","check":null}}"#;
    assert_eq!(serde_json::to_string(&event).unwrap(), expected);
}

#[test]
fn what_a_later_version_adds_is_read_as_a_number_and_what_is_no_word_is_refused() {
    let receipt: v1::Receipt = serde_json::from_str(r#"{"state":99,"later":true}"#).unwrap();
    assert_eq!(receipt.state, 99);
    assert!(serde_json::from_str::<v1::Receipt>(r#"{"state":"raed"}"#).is_err());
    assert!(serde_json::from_str::<v1::StoreSeen>(r#"{"store_id":"abc"}"#).is_err());
    assert!(serde_json::from_str::<v1::PairRequest>(r#"{"timeout":1e300}"#).is_err());
}
