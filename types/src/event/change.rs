//! What people do to messages, whether they may, and what of it was rejected.

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

/// Whether the agent could check that who did something to a message may do it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthorCheck {
    /// A version recorded it that did not check.
    #[default]
    #[serde(rename = "none")]
    Unspecified,
    /// The agent has the message, and who did this may do it.
    #[serde(rename = "ok")]
    Checked,
    /// The agent does not have the message: who wrote it is as the change says.
    #[serde(rename = "unknown")]
    Unknown,
    /// The agent has the message, another than its author did this, and an admin of the group may. Whether it was one is
    /// not known.
    #[serde(rename = "admin")]
    AdminAssumed,
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
    /// What the message says now. [`crate::Body::Sealed`] when that could not be opened.
    #[serde(rename = "c")]
    pub content: Content,
    /// Who had written it.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// Whether that could be checked.
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

/// Someone reacted to a message, or no longer does.
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

/// A change arrived from a person who may not make it: nothing was changed. What it said is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The change's own id; empty for a receipt.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Where.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// By whom.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// Done by the account itself on another device.
    #[serde(rename = "m", default)]
    pub from_me: bool,
    /// When, by WhatsApp's clock; of a receipt that is not known.
    #[serde(
        rename = "d",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It waited at the server while the agent was away; of a receipt that is not known.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// The messages that it would have changed.
    #[serde(rename = "t")]
    pub messages: Vec<MessageId>,
    /// What it was: `edit`, `deletion`, `reaction`, `receipt`, or a content's word.
    #[serde(rename = "w")]
    pub change: String,
    /// Who wrote the message, as the agent knows.
    #[serde(rename = "a", default)]
    pub author: Contact,
    /// Why.
    #[serde(rename = "r")]
    pub reason: RejectReason,
}

impl Rejected {
    /// Of a change that came from there.
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
