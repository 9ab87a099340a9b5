//! Messages that arrived and are not here: what they said is not known, or not kept.

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

/// A message arrived from a sender who is not allowed. What it said is not kept.
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
