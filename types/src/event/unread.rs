//! Messages that arrived without usable content: it could not be decrypted, may be lost, or is not stored.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::part::{Part, Parts, View};
#[cfg(any(test, feature = "samples"))]
use super::samples;
use crate::send::MessageId;
use crate::stored::maybe_time;
use crate::words::{DropReason, LostReason, UndecryptableReason};
use crate::{ChatId, Contact};

/// A message arrived that could not be decrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecryptable {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The chat.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// The sender.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// The account itself is the sender, on another device. `None` if unknown.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub from_me: Option<bool>,
    /// WhatsApp's timestamp. `None` if unknown.
    #[serde(
        rename = "t",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It was queued at the server while the agent was offline. `None` if unknown.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// Why it could not be decrypted.
    #[serde(rename = "r")]
    pub reason: UndecryptableReason,
}

impl Part for Undecryptable {
    fn view(&self) -> View<'_> {
        View {
            chat: Some(&self.chat),
            who: Some(&self.sender),
            from_me: self.from_me.unwrap_or_default(),
            ..View::default()
        }
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (Some(&mut self.chat), vec![&mut self.sender])
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            id: samples::id(),
            chat: samples::origin().chat,
            sender: samples::contact(),
            from_me: Some(true),
            sent_at: Some(samples::at()),
            offline: Some(false),
            reason: UndecryptableReason::Unavailable,
        }]
    }
}

/// A message was acknowledged to WhatsApp and may be lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The chat.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// The sender.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// The account itself is the sender, on another device. `None` if unknown.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub from_me: Option<bool>,
    /// WhatsApp's timestamp. `None` if unknown.
    #[serde(
        rename = "t",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It was queued at the server while the agent was offline. `None` if unknown.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// How it is known that the message may be lost.
    #[serde(rename = "r")]
    pub reason: LostReason,
}

impl Lost {
    /// A lost message of which only the JIDs are known, and possibly whether the account sent it.
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

impl Part for Lost {
    fn view(&self) -> View<'_> {
        let from_me = self.from_me.unwrap_or_default();
        View::named(&self.id, &self.chat, &self.sender, from_me)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (Some(&mut self.chat), vec![&mut self.sender])
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            id: samples::id(),
            chat: samples::origin().chat,
            sender: samples::contact(),
            from_me: None,
            sent_at: None,
            offline: None,
            reason: LostReason::NotKept,
        }]
    }
}

/// A message arrived from a sender who is not allowed. Its content is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The chat.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// The sender. Masked in the log.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// The account itself is the sender, on another device. `None` if unknown.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub from_me: Option<bool>,
    /// WhatsApp's timestamp. `None` if unknown.
    #[serde(
        rename = "t",
        with = "maybe_time",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub sent_at: Option<SystemTime>,
    /// It was queued at the server while the agent was offline. `None` if unknown.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<bool>,
    /// The rule that dropped it.
    #[serde(rename = "r")]
    pub reason: DropReason,
}

impl Part for Dropped {
    fn view(&self) -> View<'_> {
        let from_me = self.from_me.unwrap_or_default();
        View::named(&self.id, &self.chat, &self.sender, from_me)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        (Some(&mut self.chat), vec![&mut self.sender])
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            id: samples::id(),
            chat: samples::origin().chat,
            sender: samples::contact(),
            from_me: Some(false),
            sent_at: Some(samples::at()),
            offline: Some(true),
            reason: DropReason::NotListed,
        }]
    }
}
