//! What happened, in order: the vocabulary of the journal and of WatchEvents.
//!
//! All of it is written to disk by serde, under the short names given here: see `stored.rs`.

mod change;
mod content;
mod filter;
mod kind;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
mod target;
#[cfg(test)]
mod tests;
mod view;

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use change::{AuthorCheck, Rejected};
pub use content::{
    Body, CalendarEvent, Choice, Content, GroupInvite, Location, Media, MediaKind, MediaPointer,
    Other, Poll, Quoted,
};
pub use filter::{ChatSet, Filter, MAX_CHATS};
pub use kind::{Kind, KindSet};
pub use target::Target;

use crate::link::Link;
use crate::send::{MessageId, SendOutcome, SendState};
use crate::stored::{lenient, maybe_time, time};
use crate::words::{DropReason, LostReason, UndecryptableReason};
use crate::{ChatId, Contact};
use content::is_false;

/// An event's place in the order; 0 stands before every event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

impl Seq {
    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An event: an occurrence with its place and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place.
    #[serde(rename = "n")]
    pub seq: Seq,
    /// When the agent recorded it.
    #[serde(rename = "t", with = "time")]
    pub at: SystemTime,
    /// What happened.
    #[serde(rename = "w", deserialize_with = "lenient")]
    pub what: Occurrence,
}

/// What happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occurrence {
    /// A message arrived.
    #[serde(rename = "msg")]
    Message(Box<Message>),
    /// A message was changed by its author.
    #[serde(rename = "edit")]
    Edit(Box<Edit>),
    /// A message was deleted for everyone.
    #[serde(rename = "del")]
    Deletion(Box<Deletion>),
    /// Somebody reacted to a message, or no longer does.
    #[serde(rename = "react")]
    Reaction(Box<Reaction>),
    /// Messages of ours were delivered or read.
    #[serde(rename = "rcpt")]
    Receipt(Receipt),
    /// The link changed its state.
    #[serde(rename = "link")]
    Link(Box<Link>),
    /// A message of ours changed its state.
    #[serde(rename = "send")]
    Outcome(SendOutcome),
    /// A message arrived that could not be decrypted.
    #[serde(rename = "undec")]
    Undecryptable(Undecryptable),
    /// WhatsApp was told that we have a message, and we may not.
    #[serde(rename = "lost")]
    Lost(Lost),
    /// A message arrived from somebody who is not admitted.
    #[serde(rename = "drop")]
    Dropped(Dropped),
    /// A change arrived from a person who may not make it.
    #[serde(rename = "rej")]
    Rejected(Box<Rejected>),
    /// Written by a later version, or damaged: it happened, and that is all that is known.
    #[default]
    #[serde(rename = "unknown")]
    Unknown,
}

/// Where something in a chat comes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// WhatsApp's id, unique within (chat, sender).
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Where.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// Who.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// The name the sender gave themselves.
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub push_name: String,
    /// When, by WhatsApp's clock.
    #[serde(rename = "t", with = "time")]
    pub sent_at: SystemTime,
    /// Done by the account itself on another device.
    #[serde(rename = "m", default, skip_serializing_if = "is_false")]
    pub from_me: bool,
    /// In a group.
    #[serde(rename = "g", default, skip_serializing_if = "is_false")]
    pub group: bool,
    /// It waited at the server while the agent was away.
    #[serde(rename = "o", default, skip_serializing_if = "is_false")]
    pub offline: bool,
    /// It came past the durable path: WhatsApp does not send it again if the agent dies before it
    /// has it.
    #[serde(rename = "b", default, skip_serializing_if = "is_false")]
    pub bypassed: bool,
    /// The phone told what it was, after it could not be decrypted here.
    #[serde(rename = "r", default, skip_serializing_if = "is_false")]
    pub recovered: bool,
}

/// Never shows names or numbers.
impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(f)
    }
}

/// A message in a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Where it comes from.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// What it says.
    #[serde(rename = "c")]
    pub content: Content,
}

/// A message was changed by its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Where the change comes from; its id is the change's own.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// The message that it changes.
    #[serde(rename = "m")]
    pub message: MessageId,
    /// What the message says now. [`Body::Sealed`] when that could not be opened.
    #[serde(rename = "c")]
    pub content: Content,
    /// Who had written it.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// Whether that could be checked.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: AuthorCheck,
}

/// A message was deleted for everyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Where the deletion comes from: its sender is who deleted.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// The message that is gone.
    #[serde(rename = "m")]
    pub message: MessageId,
    /// Who had written it: the sender, unless a group's admin deleted it.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// Whether that could be checked.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: AuthorCheck,
}

/// Somebody reacted to a message, or no longer does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Where the reaction comes from; its id is the reaction's own.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// The message that it is about.
    #[serde(rename = "m")]
    pub message: MessageId,
    /// Who had written that message.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// The emoji; empty when a reaction is taken back.
    #[serde(rename = "e", default)]
    pub emoji: String,
    /// It came sealed, and could not be opened: the emoji is not known.
    #[serde(rename = "x", default, skip_serializing_if = "is_false")]
    pub sealed: bool,
    /// Whether it could be checked that the message is of this chat, and who wrote it.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: AuthorCheck,
}

/// Never shows the emoji.
impl std::fmt::Debug for Reaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reaction")
            .field("origin", &self.origin)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// Messages of ours were delivered or read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which.
    #[serde(rename = "i")]
    pub messages: Vec<MessageId>,
    /// Where.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// By whom.
    #[serde(rename = "b", default)]
    pub by: Contact,
    /// [`SendState::Delivered`] or [`SendState::Read`].
    #[serde(rename = "s")]
    pub state: SendState,
    /// Whether it could be checked that the messages are ours and of this chat.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: AuthorCheck,
}

/// A message arrived that could not be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecryptable {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Where.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// Who.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// Done by the account itself on another device. `None` where that is not known.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub from_me: Option<bool>,
    /// When, by WhatsApp's clock. `None` where that is not known.
    #[serde(
        rename = "t",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It waited at the server while the agent was away. `None` where that is not known.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// Why.
    #[serde(rename = "r")]
    pub reason: UndecryptableReason,
}

/// WhatsApp was told that we have a message, and we may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Where.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// Who.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// Done by the account itself on another device. `None` where that is not known.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub from_me: Option<bool>,
    /// When, by WhatsApp's clock. `None` where that is not known.
    #[serde(
        rename = "t",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It waited at the server while the agent was away. `None` where that is not known.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// Why.
    #[serde(rename = "r")]
    pub reason: LostReason,
}

impl Lost {
    /// Of a message that is known by addresses on the wire alone, and maybe by whether the account wrote it.
    #[must_use]
    pub fn of_jids(
        [chat, sender]: [&str; 2],
        id: &str,
        from_me: Option<bool>,
        reason: LostReason,
    ) -> Self {
        Self {
            id: MessageId::new(id),
            chat: ChatId::of_jid(chat),
            sender: Contact::of_jid(sender),
            from_me,
            sent_at: None,
            offline: None,
            reason,
        }
    }
}

/// A message arrived from somebody who is not admitted. What it said is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Where.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// Who. Masked in the log.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// Done by the account itself on another device. `None` where that is not known.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub from_me: Option<bool>,
    /// When, by WhatsApp's clock. `None` where that is not known.
    #[serde(
        rename = "t",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It waited at the server while the agent was away. `None` where that is not known.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// By which rule.
    #[serde(rename = "r")]
    pub reason: DropReason,
}

/// What names something that somebody wrote.
#[derive(Clone, Copy, Debug)]
pub struct NameRef<'a> {
    /// Its id.
    pub id: &'a MessageId,
    /// Where.
    pub chat: &'a ChatId,
    /// Who.
    pub sender: &'a Contact,
    /// By the account itself.
    pub from_me: bool,
}
