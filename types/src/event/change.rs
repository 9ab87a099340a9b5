//! Changes to messages, whether their author was checked, and rejected changes.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::content::is_false;
use super::part::{Part, Parts, View};
#[cfg(any(test, feature = "samples"))]
use super::{Body, samples};
use super::{Content, Origin};
use crate::send::{MessageId, SendState};
use crate::stored::{lenient, maybe_time};
use crate::words::RejectReason;
use crate::{ChatId, Contact};

/// The result of checking that the sender of a change may make it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthorCheck {
    /// Recorded by a version that did not check.
    #[default]
    #[serde(rename = "none")]
    Unspecified,
    /// The agent has the message, and the sender may make the change.
    #[serde(rename = "ok")]
    Checked,
    /// The agent does not have the message. The author is the one that the change names.
    #[serde(rename = "unknown")]
    Unknown,
    /// The agent has the message. The change is by another person, which a group's admin may do; whether the sender is
    /// one is not known.
    #[serde(rename = "admin")]
    AdminAssumed,
}

/// A message was changed by its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The origin of the change; its id is that of the change itself.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// The message that is edited.
    #[serde(rename = "m")]
    pub message: MessageId,
    /// The new content. [`crate::Body::Sealed`] if it could not be decrypted.
    #[serde(rename = "c")]
    pub content: Content,
    /// The author of the message.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// The result of the author check.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: AuthorCheck,
}

impl Part for Edit {
    fn view(&self) -> View<'_> {
        View::of(&self.origin)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (
            Some(&mut self.origin.chat),
            vec![&mut self.origin.sender, &mut self.author],
        )
    }

    fn heap_bytes(&self) -> usize {
        self.content.heap_bytes()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        let edit = |content, check| Self {
            origin: samples::origin(),
            message: samples::id(),
            content,
            author: samples::contact(),
            check,
        };
        let sealed = Content {
            body: Body::Sealed,
            ..Content::default()
        };
        let text = samples::content(Body::Text("swordfish".into()));
        vec![
            edit(text, AuthorCheck::Checked),
            edit(sealed, AuthorCheck::Unknown),
        ]
    }
}

/// A message was deleted for everyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// The origin of the deletion; its sender is the person who deleted the message.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// The deleted message.
    #[serde(rename = "m")]
    pub message: MessageId,
    /// The author of the message: the same as the sender, unless a group's admin deleted it.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// The result of the author check.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: AuthorCheck,
}

impl Part for Deletion {
    fn view(&self) -> View<'_> {
        View::of(&self.origin)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (
            Some(&mut self.origin.chat),
            vec![&mut self.origin.sender, &mut self.author],
        )
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            origin: samples::origin(),
            message: samples::id(),
            author: samples::contact(),
            check: AuthorCheck::AdminAssumed,
        }]
    }
}

/// Someone reacted to a message, or removed a reaction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The origin of the reaction; its id is that of the reaction itself.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// The message that it refers to.
    #[serde(rename = "m")]
    pub message: MessageId,
    /// The author of that message.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// The emoji; empty when the reaction is removed.
    #[serde(rename = "e", default)]
    pub emoji: String,
    /// The reaction was encrypted and could not be decrypted: the emoji is not known.
    #[serde(rename = "x", default, skip_serializing_if = "is_false")]
    pub sealed: bool,
    /// Whether the agent could check the message's chat and author.
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

impl Part for Reaction {
    fn view(&self) -> View<'_> {
        View::of(&self.origin)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (
            Some(&mut self.origin.chat),
            vec![&mut self.origin.sender, &mut self.author],
        )
    }

    fn heap_bytes(&self) -> usize {
        self.emoji.capacity()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            origin: samples::origin(),
            message: samples::id(),
            author: samples::contact(),
            emoji: "🐟".into(),
            sealed: false,
            check: AuthorCheck::Unknown,
        }]
    }
}

/// Outgoing messages were delivered or read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The messages.
    #[serde(rename = "i")]
    pub messages: Vec<MessageId>,
    /// Their chat.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// The person whose device sent the receipt.
    #[serde(rename = "b", default)]
    pub by: Contact,
    /// [`SendState::Delivered`] or [`SendState::Read`].
    #[serde(rename = "s")]
    pub state: SendState,
    /// Whether the agent could check that the account sent these messages in this chat.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: AuthorCheck,
}

impl Part for Receipt {
    fn view(&self) -> View<'_> {
        View {
            chat: Some(&self.chat),
            who: Some(&self.by),
            ..View::default()
        }
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (Some(&mut self.chat), vec![&mut self.by])
    }

    fn heap_bytes(&self) -> usize {
        self.messages.len() * size_of::<MessageId>()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            messages: vec![samples::id(), MessageId::new("3EB0AD")],
            chat: samples::origin().chat,
            by: samples::contact(),
            state: SendState::Read,
            check: AuthorCheck::Unspecified,
        }]
    }
}

/// A change arrived from a person who may not make it. It was not applied, and its content is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The id of the change itself; empty for a receipt.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The chat.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// The sender of the change.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// The account itself made the change on another device.
    #[serde(rename = "m", default)]
    pub from_me: bool,
    /// WhatsApp's timestamp; `None` for a receipt.
    #[serde(
        rename = "d",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It was queued at the server while the agent was offline; `None` for a receipt.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// The messages that it refers to.
    #[serde(rename = "t")]
    pub messages: Vec<MessageId>,
    /// The kind of change: `edit`, `deletion`, `reaction`, `receipt`, or the name of a content.
    #[serde(rename = "w")]
    pub change: String,
    /// The author of the message, according to the agent's own record.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// Why it was rejected.
    #[serde(rename = "r")]
    pub reason: RejectReason,
}

impl Rejected {
    /// A rejected change with this origin.
    #[must_use]
    pub fn of(
        origin: &Origin,
        message: &MessageId,
        change: String,
        author: Contact,
        reason: RejectReason,
    ) -> Self {
        Self {
            id: origin.id.clone(),
            chat: origin.chat.clone(),
            sender: origin.sender.clone(),
            from_me: origin.from_me,
            sent_at: Some(origin.sent_at),
            offline: Some(origin.offline),
            messages: vec![message.clone()],
            change,
            author,
            reason,
        }
    }
}

impl Part for Rejected {
    fn view(&self) -> View<'_> {
        View::named(&self.id, &self.chat, &self.sender, self.from_me)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (
            Some(&mut self.chat),
            vec![&mut self.sender, &mut self.author],
        )
    }

    fn heap_bytes(&self) -> usize {
        self.messages.len() * size_of::<MessageId>()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        let (origin, id) = (samples::origin(), samples::id());
        let (author, reason) = (samples::contact(), RejectReason::NotTheAuthor);
        vec![Self::of(&origin, &id, "edit".into(), author, reason)]
    }
}
