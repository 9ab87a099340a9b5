//! The arguments of the tools. Their comments are the descriptions in the schemas.

use std::sync::Arc;

use openclaw_proto::Word;
use openclaw_proto::v1::{ChatKind, EventKind, MediaKind};
use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;

/// The schema of arguments.
pub(super) fn input<T: JsonSchema>() -> Arc<JsonObject> {
    schema::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of a result, in which empty members may be left out.
pub(super) fn output<T: JsonSchema>() -> Arc<JsonObject> {
    schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// Without references, and without formats that only Rust has: not every client knows them.
fn schema<T: JsonSchema>(settings: SchemaSettings) -> Arc<JsonObject> {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut value = schema.to_value();
    simplify(&mut value);
    let object = match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    Arc::new(object)
}

fn simplify(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let is_rusts = |format: &Value| format.as_str().is_some_and(|it| it.contains("int"));
            if object.get("format").is_some_and(is_rusts) {
                object.remove("format");
            }
            object.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}

fn words<T: Word>() -> Vec<&'static str> {
    T::ALL.iter().map(|value| value.word()).collect()
}

fn event_kinds(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "enum": words::<EventKind>() } })
}

fn chat_kinds(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "enum": words::<ChatKind>() } })
}

fn media_kind(_: &mut SchemaGenerator) -> Schema {
    let sent = words::<MediaKind>().into_iter();
    let sent: Vec<_> = sent.filter(|word| *word != "video_note").collect();
    json_schema!({ "type": "string", "enum": sent })
}

/// The values of these words.
///
/// # Errors
/// A word is unknown.
pub(super) fn values<T: Word>(argument: &str, given: &[String]) -> Result<Vec<i32>, Failure> {
    let known = |word: &String| T::from_word(word).map(Into::into);
    let wrong = || {
        let known = words::<T>().join(", ");
        Failure::usage(format!("{argument}: give some of: {known}")).with_reason("INVALID_ARGUMENT")
    };
    let values: Option<Vec<i32>> = given.iter().map(known).collect();
    values.ok_or_else(wrong)
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoArgs {}

/// `list_chats`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListChats {
    /// Only chats of these kinds [default: person and group].
    #[serde(default)]
    #[schemars(schema_with = "chat_kinds")]
    pub(super) chat_kinds: Vec<String>,
    /// Number of chats [default: 30].
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// `list_messages`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListMessages {
    /// Only this chat: a number such as +15550100123, a LID (…@lid), or a group's id (…@g.us) [default: all].
    #[serde(default)]
    pub(super) chat: Option<String>,
    /// Only events of these kinds [default: message, edit, deletion, reaction].
    #[serde(default)]
    #[schemars(schema_with = "event_kinds")]
    pub(super) kinds: Vec<String>,
    /// Only chats of these kinds [default: person and group].
    #[serde(default)]
    #[schemars(schema_with = "chat_kinds")]
    pub(super) chat_kinds: Vec<String>,
    /// Number of messages [default: 20].
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// `get_message`, and `get_media`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Seq {
    /// The message, by its seq, as `list_messages` returns it.
    pub(super) seq: u64,
}

/// `get_media`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetMedia {
    /// The message with the file, by its seq, as `list_messages` returns it.
    pub(super) seq: u64,
    /// The file of the message that this one quotes, instead of its own.
    #[serde(default)]
    pub(super) quoted: bool,
}

/// `search_messages`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchMessages {
    /// What to find in texts and captions; upper and lower case are the same.
    #[schemars(length(min = 1, max = 200))]
    pub(super) query: String,
    /// Only this chat, as for `list_messages`.
    #[serde(default)]
    pub(super) chat: Option<String>,
    /// Number of messages to find [default: 20].
    #[serde(default)]
    #[schemars(range(min = 1, max = 50))]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the previous call, with the same query and chat: continues where that one stopped.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// `get_contact`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetContact {
    /// The person: a number such as +15550100123, or a LID (…@lid).
    pub(super) contact: String,
}

/// `lookup_numbers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LookupNumbers {
    /// Phone numbers such as +15550100123.
    #[schemars(length(min = 1, max = 20))]
    pub(super) numbers: Vec<String>,
}

/// `list_groups`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListGroups {
    /// Number of groups [default: 50].
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// `get_group`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetGroup {
    /// The group's id (…@g.us), as `list_groups` returns it.
    pub(super) group: String,
}

/// `send_message`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendMessage {
    /// Recipient: a number such as +15550100123, a LID (…@lid), or a group's id (…@g.us). Optional for a reply.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// The text.
    #[schemars(length(min = 1, max = 65_536))]
    pub(super) text: String,
    /// Reply to this message, by its seq.
    #[serde(default)]
    pub(super) reply_to: Option<u64>,
    /// People to mention, by number or LID; the text needs "@" and the digits where the mention is shown.
    #[serde(default)]
    pub(super) mentions: Vec<String>,
    /// Two calls with one key send one message, also in another session. To repeat a call whose outcome is unknown, give the
    /// key that its error names [default: one of this call].
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
}

/// `send_media`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendMedia {
    /// Recipient, as for `send_message`. Optional for a reply.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// What the file is. A voice message is Opus in Ogg, a sticker WebP.
    #[schemars(schema_with = "media_kind")]
    pub(super) kind: String,
    /// Path of the file, in the directory that the operator shares. Either this or `data`.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// The file in base64, at most 4 MiB. Either this or `path`.
    #[serde(default)]
    pub(super) data: Option<String>,
    /// Name of a document, as the recipient sees it [default: that of `path`].
    #[serde(default)]
    pub(super) file_name: Option<String>,
    /// MIME type [default: by the name].
    #[serde(default)]
    pub(super) mime_type: Option<String>,
    /// Caption.
    #[serde(default)]
    pub(super) caption: Option<String>,
    /// Reply to this message, by its seq.
    #[serde(default)]
    pub(super) reply_to: Option<u64>,
    /// As for `send_message`.
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
}

/// The message that a tool is about: by `seq`, or by `chat` and `id`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Subject {
    /// Its seq, as `list_messages` returns it.
    #[serde(default)]
    pub(super) seq: Option<u64>,
    /// Its chat, if `id` names it.
    #[serde(default)]
    pub(super) chat: Option<String>,
    /// Its WhatsApp id, as `send_message` returns it.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// Its author, by number or LID, if `id` names it [default: this account].
    #[serde(default)]
    pub(super) sender: Option<String>,
}

/// `react`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct React {
    /// The message.
    pub(super) message: Subject,
    /// One emoji; empty removes the reaction of this account.
    pub(super) emoji: String,
    /// As for `send_message`.
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
}

/// `edit_message`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EditMessage {
    /// A text that this account has sent, up to 20 minutes ago.
    pub(super) message: Subject,
    /// The new text.
    #[schemars(length(min = 1, max = 65_536))]
    pub(super) text: String,
    /// As for `send_message`.
    #[serde(default)]
    pub(super) mentions: Vec<String>,
    /// As for `send_message`.
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
}

/// `delete_message`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteMessage {
    /// A message of this account; or, in a group of which it is an admin, anyone's.
    pub(super) message: Subject,
    /// As for `send_message`.
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
}

/// `mark_read`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkRead {
    /// Received messages, by their seqs.
    #[schemars(length(min = 1, max = 50))]
    pub(super) seqs: Vec<u64>,
}
