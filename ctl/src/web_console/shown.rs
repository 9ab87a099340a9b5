//! What the page gets: the contract's JSON as `--json` prints it, and what only this program can add.
//!
//! With `--mask` the numbers in it are masked. What the page needs to refer to something is in `key`, which it does not
//! show.

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{Allowed, Chat, Event, SendResponse};
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::numbers::Numbers;
use crate::render::event;

/// An answer of the agent.
pub(super) fn plain(value: &impl Serialize) -> Value {
    // What the contract has always serializes.
    let value = serde_json::to_value(value).unwrap_or_default();
    Numbers::chosen().show_json(value)
}

/// One with what the page refers to it by.
fn keyed(value: &impl Serialize, key: &str) -> Value {
    let mut value = plain(value);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("key".to_owned(), json!(key));
    }
    value
}

/// A chat, with its id and its address as shown.
pub(super) fn chat(chat: &Chat) -> Value {
    let mut value = keyed(chat, &chat.id);
    let contact = chat.contact.as_ref();
    let phone = contact.map_or("", |contact| contact.phone.as_str());
    let shown = match phone {
        "" => Numbers::chosen().show_jid(&chat.id),
        phone => Numbers::chosen().show(phone),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert("address".to_owned(), json!(shown));
    }
    value
}

/// An entry of the allowlist, with its address.
pub(super) fn allowed(allowed: &Allowed) -> Value {
    keyed(allowed, &allowed.who)
}

/// What became of a message, with the id of its chat.
pub(super) fn sent(sent: &SendResponse) -> Value {
    keyed(sent, &sent.chat)
}

/// An event, with the id of its chat and the line that `watch` prints about it.
pub(super) fn event(event: &Event) -> Value {
    let mut value = keyed(event, chat_of(event));
    let (name, text) = event::parts(event, clock::now());
    if let Some(fields) = value.as_object_mut() {
        fields.insert("name".to_owned(), json!(name));
        fields.insert("line".to_owned(), json!(text));
    }
    value
}

/// The id of its chat; empty if it has none.
fn chat_of(event: &Event) -> &str {
    match &event.kind {
        None | Some(Kind::Link(_)) => "",
        Some(Kind::Outcome(outcome)) => &outcome.chat,
        Some(Kind::Receipt(receipt)) => &receipt.chat,
        Some(kind) => kind.origin().map_or("", |origin| origin.chat.as_str()),
    }
}
