//! Every message of the contract survives the way to JSON and back, with every field set and each arm of its oneofs; and what
//! is no message is refused by the name of its member.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    OneofDescriptorProto,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ways_of;
use crate::v1;

/// A message there and back, whatever its type.
pub(super) struct Ways {
    there: fn(&[u8]) -> String,
    back: fn(&str) -> Result<Vec<u8>, String>,
}

impl Ways {
    pub(super) fn of<M: Message + Default + Serialize + DeserializeOwned>() -> Self {
        Self {
            there: |bytes| serde_json::to_string(&M::decode(bytes).unwrap()).unwrap(),
            back: |json| {
                let message: Result<M, _> = serde_json::from_str(json);
                message
                    .map(|message| message.encode_to_vec())
                    .map_err(|error| error.to_string())
            },
        }
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

    /// Those of the contract's own package.
    fn own(&self) -> impl Iterator<Item = &DescriptorProto> {
        let own = |it: &&DescriptorProto| !matches!(it.name(), "Timestamp" | "Duration");
        self.messages.iter().filter(own)
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
                let value = known.value[1 + arm % (known.value.len() - 1)].number();
                varint(value.unsigned_abs().into(), bytes);
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
fn every_message_survives_json_with_each_arm_and_with_none() {
    let contract = Contract::load();
    for message in contract.own() {
        let Ways { there, back } = ways_of(message.name());
        for arm in 0..16 {
            let bytes = contract.filled(message, arm);
            let json = there(&bytes);
            let again = back(&json).map(|bytes| there(&bytes));
            assert_eq!(again.as_ref(), Ok(&json), "{}", message.name());
            assert_eq!(back(&json).map(|bytes| bytes.len()), Ok(bytes.len()));
        }
        let json = there(&[]);
        assert_eq!(back(&json), Ok(vec![]), "{}: {json}", message.name());
        for oneof in oneofs(message) {
            assert!(json.contains(&format!("\"{oneof}\":null")), "{json}");
        }
    }
}

/// The oneofs of a message, without those that `optional` makes.
fn oneofs(message: &DescriptorProto) -> Vec<&str> {
    let all = message.oneof_decl.iter().map(OneofDescriptorProto::name);
    all.filter(|name| !name.starts_with('_')).collect()
}

/// The arms of a oneof, each with a value.
fn arms(contract: &Contract, message: &DescriptorProto, oneof: &str) -> Vec<(String, Value)> {
    let at = message.oneof_decl.iter().position(|it| it.name() == oneof);
    let fields = message
        .field
        .iter()
        .filter(|field| field.oneof_index.map(|at| usize::try_from(at).unwrap()) == at);
    let arms = fields.map(|field| {
        let mut bytes = Vec::new();
        contract.put(field, 0, &mut bytes);
        let json = (ways_of(message.name()).there)(&bytes);
        let mut json: Value = serde_json::from_str(&json).unwrap();
        (field.name().to_owned(), json[field.name()].take())
    });
    arms.collect()
}

fn refusal(message: &DescriptorProto, json: &Value) -> String {
    let refused = (ways_of(message.name()).back)(&json.to_string());
    refused.expect_err(&format!("{} of {json}", message.name()))
}

#[test]
fn every_oneof_refuses_all_but_one_arm_and_names_it() {
    let contract = Contract::load();
    let mut seen = 0;
    for message in contract.own() {
        let back = ways_of(message.name()).back;
        for oneof in oneofs(message) {
            seen += 1;
            let arms = arms(&contract, message, oneof);
            for (arm, value) in &arms {
                let alone = back(&json!({arm: value}).to_string());
                assert_eq!(back(&json!({oneof: arm, arm: value}).to_string()), alone);
                assert_ne!(
                    alone,
                    Ok(vec![]),
                    "{arm} is there without its name in {oneof}"
                );
                assert_eq!(
                    back(&json!({oneof: null, arm: null}).to_string()),
                    Ok(vec![])
                );

                for wrong in [json!([[]]), json!(-1.5)] {
                    let refused = refusal(message, &json!({oneof: arm, arm: wrong}));
                    assert!(refused.starts_with(&format!("{arm}: ")), "{refused}");
                }
                for other in [json!({oneof: arm}), json!({oneof: arm, arm: null})] {
                    let refused = refusal(message, &other);
                    assert!(refused.starts_with(&format!("{oneof}: ")), "{refused}");
                }
                for said in ["hologram", ""] {
                    let refused = refusal(message, &json!({oneof: said, arm: value}));
                    assert!(refused.starts_with(&format!("{oneof}: ")), "{refused}");
                }
                for (second, other) in arms.iter().filter(|(second, _)| second != arm) {
                    let refused = refusal(message, &json!({arm: value, second: other}));
                    assert!(refused.contains(oneof), "{refused}");
                    let refused = refusal(message, &json!({oneof: second, arm: value}));
                    assert!(refused.starts_with(&format!("{oneof}: ")), "{refused}");
                }
            }
        }
    }
    assert!(seen > 8, "{seen} oneofs");
}

#[test]
fn every_field_refuses_invalid_values_and_names_it() {
    let contract = Contract::load();
    for message in contract.own() {
        for field in &message.field {
            let wrong: &[&str] = match field.r#type() {
                Type::Enum => &["raed", "SEND_STATE_READ", ""],
                Type::Bytes if field.name().ends_with("_id") => &["abc", "+a", "-1", "0x", "ü"],
                Type::Bytes => &["?"],
                Type::Fixed64 => &["+00000000000000f", "f", ""],
                Type::Message if field.type_name().starts_with(".google") => &["soon"],
                Type::String => continue,
                _ => &["soon"],
            };
            for wrong in wrong {
                let wrong = match field.label() {
                    Label::Repeated => json!([wrong]),
                    _ => json!(wrong),
                };
                if field.r#type() == Type::Enum && !message.name().ends_with("Request") {
                    let read =
                        (ways_of(message.name()).back)(&json!({field.name(): wrong}).to_string());
                    assert!(read.is_ok(), "a later word of {}: {read:?}", field.name());
                    continue;
                }
                let refused = refusal(message, &json!({field.name(): wrong}));
                let named = format!("{}: ", field.name());
                assert!(refused.starts_with(&named), "{refused}");
            }
            let name = field.name();
            let refused =
                (ways_of(message.name()).back)(&format!("{{\"{name}\":null,\"{name}\":null}}"));
            assert!(refused.is_err(), "{name} twice");
        }
    }
}

#[test]
fn an_error_names_the_way_to_it() {
    let event = json!({"seq": 7, "kind": "receipt", "receipt": {"chat": [7]}}).to_string();
    let refused = serde_json::from_str::<v1::Event>(&event).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.starts_with("receipt: chat: "), "{refused}");
}

#[test]
fn the_shape_matches_its_documentation() {
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
fn fields_of_a_later_version_are_skipped_and_enum_values_are_numbers() {
    let receipt: v1::Receipt = serde_json::from_str(r#"{"state":99,"later":true}"#).unwrap();
    assert_eq!(receipt.state, 99);
    assert!(serde_json::from_str::<v1::PairRequest>(r#"{"timeout":1e300}"#).is_err());
}

#[test]
fn what_a_later_version_printed_is_read_without_what_is_unknown() {
    let content = json!({"kind": "hologram", "hologram": {"depth": 3}, "later": null});
    let event = json!({"seq": 7, "kind": "message", "message": {"content": content}});
    let event: v1::Event = serde_json::from_value(event).unwrap();
    let Some(v1::event::Kind::Message(message)) = event.kind else {
        panic!("{:?} is no message", event.kind)
    };
    assert_eq!((event.seq, message.content.unwrap().kind), (7, None));

    let event: v1::Event = serde_json::from_value(json!({
        "seq": 8, "kind": "eclipse", "eclipse": {}, "recorded_at": null
    }))
    .unwrap();
    assert_eq!((event.seq, event.kind), (8, None));

    let receipt: v1::Receipt = serde_json::from_value(json!({"state": "framed"})).unwrap();
    assert_eq!(receipt.state, 0);
}

#[test]
fn a_request_is_understood_to_its_last_word_or_refused() {
    let hologram = json!({"kind": "hologram", "hologram": {"depth": 3}});
    let refused = serde_json::from_value::<v1::SendRequest>(json!({"content": hologram}));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.starts_with("content: kind: "), "{refused}");

    let refused = serde_json::from_value::<v1::SendRequest>(json!({"wait": "framed"}));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("unknown word \"framed\""), "{refused}");

    // What is read after a request that was refused is no request.
    assert!(serde_json::from_value::<v1::Content>(hologram).is_ok());
}
