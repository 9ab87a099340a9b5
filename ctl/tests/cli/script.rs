//! The behaviour of a [`ScriptedAgent`](crate::scripted_agent::ScriptedAgent), as data.
//!
//! Messages are in the JSON form of protobuf. A time may be `"now-3d"` or `"now+20500ms"`. Besides a message, a step
//! may be one of these:
//!
//! - `{ error = { code = "NOT_FOUND", message = "…", reason = "…", hint = "…" } }`: refuse
//! - `{ cut = true }`: break every connection
//! - `{ hold = true }`: send nothing more until the client disconnects, then record that it did
//! - `{ when = "text" }`: continue once the client has printed this

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The responses of each method, in the order of the calls.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Script {
    pub(crate) status: VecDeque<Value>,
    pub(crate) send: VecDeque<Value>,
    pub(crate) report_store: VecDeque<Value>,
    pub(crate) rollback: VecDeque<Value>,
    pub(crate) list_queue: VecDeque<Value>,
    pub(crate) cancel_send: VecDeque<Value>,
    pub(crate) list_allowed: VecDeque<Value>,
    pub(crate) add_allowed: VecDeque<Value>,
    pub(crate) remove_allowed: VecDeque<Value>,
    pub(crate) reload_rules: VecDeque<Value>,
    pub(crate) diagnose: VecDeque<Value>,
    pub(crate) list_clients: VecDeque<Value>,
    pub(crate) invite_client: VecDeque<Value>,
    pub(crate) revoke_client: VecDeque<Value>,
    pub(crate) test_alert: VecDeque<Value>,
    pub(crate) list_alerts: VecDeque<Value>,
    pub(crate) resume: VecDeque<Value>,
    pub(crate) unpair: VecDeque<Value>,
    pub(crate) pair: VecDeque<Vec<Value>>,
    pub(crate) answer_passkey: VecDeque<Value>,
    pub(crate) confirm_passkey: VecDeque<Value>,
    pub(crate) watch: VecDeque<Vec<Value>>,
    pub(crate) events: VecDeque<Value>,
    pub(crate) ack: VecDeque<Value>,
    pub(crate) consumers: VecDeque<Value>,
    pub(crate) remove_consumer: VecDeque<Value>,
    /// A step `{ sealed = … }` is a whole stream: see [`Recipe`](crate::sealed::Recipe).
    pub(crate) backup: VecDeque<Vec<Value>>,
    pub(crate) restore: VecDeque<Value>,
    pub(crate) download: VecDeque<Vec<Value>>,
    pub(crate) mark_read: VecDeque<Value>,
    pub(crate) typing: VecDeque<Vec<Value>>,
    pub(crate) poll_results: VecDeque<Value>,
    pub(crate) fetch_history: VecDeque<Value>,
    pub(crate) lookup: VecDeque<Value>,
    pub(crate) get_contact: VecDeque<Value>,
    pub(crate) get_picture: VecDeque<Vec<Value>>,
    pub(crate) list_chats: VecDeque<Value>,
    pub(crate) upload: VecDeque<Value>,
    pub(crate) list_groups: VecDeque<Value>,
    pub(crate) get_group: VecDeque<Value>,
    pub(crate) create_group: VecDeque<Value>,
    pub(crate) update_group: VecDeque<Value>,
    pub(crate) set_group_picture: VecDeque<Value>,
    pub(crate) change_participants: VecDeque<Value>,
    pub(crate) leave_group: VecDeque<Value>,
    pub(crate) get_invite_link: VecDeque<Value>,
    pub(crate) join_group: VecDeque<Value>,
    pub(crate) list_join_requests: VecDeque<Value>,
    pub(crate) decide_join_requests: VecDeque<Value>,
    /// How many seconds its clock is ahead.
    pub(crate) clock: i64,
    /// The protocol on a loopback port, if it listens on one.
    pub(crate) listens: Option<Speaks>,
    /// The results of enrolments. When there are no more, none is accepted.
    pub(crate) enroll: VecDeque<Enrolment>,
    /// Service → a name of `ServingStatus`, for example "SERVING".
    pub(crate) health: BTreeMap<String, String>,
}

/// The protocol on a port.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Speaks {
    Tls,
    /// gRPC without TLS.
    Plain,
    /// It closes at once.
    Nothing,
}

/// The result of an enrolment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Enrolment {
    /// Enrolled with this role.
    Welcome(String),
    /// The same, from a server that does not have the code.
    Impostor(String),
    /// Refused for this reason.
    Refuse(String),
    /// The key is enrolled, and the response is lost.
    Cut,
    /// The same, but the connection stays open.
    Hold,
}

/// A parsed step.
pub(crate) enum Step<M> {
    Send(Box<M>),
    Refuse(Status),
    Cut,
    Hold,
    When(String),
}

/// Parses a step whose messages are of the type `name` of our package.
pub(crate) fn step<M: prost::Message + Default>(name: &str, mut value: Value) -> Step<M> {
    if value.get("cut").is_some() {
        return Step::Cut;
    }
    // A message may have a field of that name.
    if value.get("hold").is_some_and(Value::is_boolean) {
        return Step::Hold;
    }
    if let Some(text) = value.get("when") {
        return Step::When(text.as_str().expect("`when` is text").to_owned());
    }
    // A message may have a field of that name.
    if let Some(error) = value.get("error").filter(|error| error.is_object()) {
        return Step::Refuse(refusal(error));
    }
    resolve(&mut value);
    draw(&mut value);
    let message = DynamicMessage::deserialize(descriptor(name), value)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    Step::Send(Box::new(message.transcode_to().expect("the same message")))
}

/// A message as one line of JSON, for the recorded calls.
pub(crate) fn written<M: prost::Message>(name: &str, message: &M) -> String {
    let mut dynamic = DynamicMessage::new(descriptor(name));
    dynamic.transcode_from(message).expect("the same message");
    serde_json::to_string(&dynamic).expect("JSON")
}

fn descriptor(name: &str) -> prost_reflect::MessageDescriptor {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(openclaw_proto::DESCRIPTORS).expect("descriptors"));
    POOL.get_message_by_name(&format!("openclaw.agent.v1.{name}"))
        .unwrap_or_else(|| panic!("no message {name}"))
}

fn refusal(error: &Value) -> Status {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let code = match text("code") {
        "NOT_FOUND" => Code::NotFound,
        "ALREADY_EXISTS" => Code::AlreadyExists,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        "UNAVAILABLE" => Code::Unavailable,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "ABORTED" => Code::Aborted,
        "DATA_LOSS" => Code::DataLoss,
        "UNIMPLEMENTED" => Code::Unimplemented,
        other => panic!("no code {other}"),
    };
    let hint = HashMap::from([(
        openclaw_proto::ERROR_HINT.to_owned(),
        text("hint").to_owned(),
    )]);
    let details = ErrorDetails::with_error_info(text("reason"), openclaw_proto::ERROR_DOMAIN, hint);
    Status::with_error_details(code, text("message"), details)
}

/// The secret of a request.
pub(crate) fn secret(wire: Option<openclaw_proto::v1::Secret>) -> openclaw_vault::Secret {
    use openclaw_proto::v1::secret::Form as Wire;
    match wire.and_then(|secret| secret.form) {
        Some(Wire::Passphrase(words)) => openclaw_vault::Secret::Passphrase(words.into()),
        Some(Wire::Key(key)) => {
            let mut key = key.try_into().expect("32 bytes");
            openclaw_vault::Secret::Raw(openclaw_vault::Key32::take(&mut key))
        }
        None => panic!("no secret"),
    }
}

/// Resolves times such as `"now-3d"`, wherever they are.
fn resolve(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(offset) = text.strip_prefix("now") {
                *text = moment(offset).to_string();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(resolve),
        Value::Object(fields) => fields.values_mut().for_each(resolve),
        _ => {}
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a script's times are relative to now"
)]
pub(crate) fn moment(offset: &str) -> Timestamp {
    let (sign, rest) = offset.split_at(1);
    let digits = rest.trim_end_matches(|c: char| !c.is_ascii_digit());
    let count: u64 = digits.parse().expect("a number");
    let offset = match &rest[digits.len()..] {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "m" => Duration::from_secs(count * 60),
        "h" => Duration::from_secs(count * 3600),
        "d" => Duration::from_secs(count * 86_400),
        unit => panic!("no unit {unit}"),
    };
    Timestamp::from(match sign {
        "+" => SystemTime::now() + offset,
        "-" => SystemTime::now() - offset,
        _ => panic!("now+… or now-…"),
    })
}

/// Adds the bitmap to a QR code that has only a payload, with an independent encoder.
fn draw(value: &mut Value) {
    let Some(qr) = value.get_mut("qr").and_then(Value::as_object_mut) else {
        return;
    };
    if qr.contains_key("modules") {
        return;
    }
    let payload = qr["payload"].as_str().expect("a payload");
    let code = qrcode::QrCode::with_error_correction_level(payload, qrcode::EcLevel::L)
        .expect("a payload that fits");
    let mut bits = vec![0_u8; (code.width() * code.width()).div_ceil(8)];
    for (i, color) in code.to_colors().into_iter().enumerate() {
        if color == qrcode::Color::Dark {
            bits[i / 8] |= 0x80 >> (i % 8);
        }
    }
    qr.insert("size".into(), code.width().into());
    qr.insert("modules".into(), base64(&bits).into());
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, b| word << 8 | u32::from(*b))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}
