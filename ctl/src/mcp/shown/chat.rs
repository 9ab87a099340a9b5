//! Chats.

use openclaw_proto::v1::{self as pb, ChatKind, Contact, EventKind};
use schemars::JsonSchema;
use serde::Serialize;

use super::person::{Person, known, time};
use crate::mcp::untrusted::{Cleaner, MAX_LISTED_CHARS, UntrustedText, id};

/// A page of chats.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Chats {
    /// By their newest events, newest first.
    pub(crate) chats: Vec<ChatShown>,
    /// For the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
    /// True if there may be more chats, whose events are older than those that were read.
    pub(crate) incomplete: bool,
}

/// A chat.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChatShown {
    #[serde(flatten)]
    chat: ChatRef,
    /// The seq of its newest event.
    newest_seq: u64,
    /// When that was recorded.
    newest_at: Option<String>,
    /// What it is: message, reaction, …
    newest_kind: Option<String>,
    untrusted_text: UntrustedText,
}

/// Which chat.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChatRef {
    /// Its id, for `chat` and `to` of other tools.
    chat: Option<String>,
    /// person, group, status or channel.
    chat_kind: Option<String>,
    /// The other party of a direct chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<Person>,
}

impl ChatRef {
    pub(super) fn new(chat: &str, kind: i32, with: Option<&Contact>) -> Self {
        Self {
            chat: id(chat),
            chat_kind: known::<ChatKind>(kind),
            with: Person::known(with),
        }
    }
}

impl From<&pb::Chat> for ChatShown {
    fn from(chat: &pb::Chat) -> Self {
        let pb::Chat {
            id,
            kind,
            name,
            contact,
            newest_seq,
            newest_at,
            newest_kind,
        } = chat;
        let mut cleaner = Cleaner::new(MAX_LISTED_CHARS);
        Self {
            chat: ChatRef::new(id, *kind, contact.as_ref()),
            newest_seq: *newest_seq,
            newest_at: time(*newest_at),
            newest_kind: known::<EventKind>(*newest_kind),
            untrusted_text: UntrustedText {
                chat_name: cleaner.name(name),
                shortened: cleaner.shortened,
                ..UntrustedText::default()
            },
        }
    }
}
