//! A message in a chat, and where anything in a chat comes from.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Content;
use super::content::is_false;
use super::part::{Part, Parts, View};
#[cfg(any(test, feature = "samples"))]
use super::samples;
use crate::send::MessageId;
use crate::stored::time;
use crate::{ChatId, Contact};

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
    /// The phone sent its content, after it could not be decrypted here.
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

impl Part for Message {
    fn view(&self) -> View<'_> {
        View::of(&self.origin)
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        let Content { body, quoted, .. } = &mut self.content;
        let quoted = quoted.iter_mut().map(|quoted| &mut quoted.sender);
        let target = body.target_mut().map(|target| &mut target.author);
        let people = quoted.chain(target).chain([&mut self.origin.sender]);
        (Some(&mut self.origin.chat), people.collect())
    }

    fn heap_bytes(&self) -> usize {
        self.content.heap_bytes()
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        let message = |body| Self {
            origin: samples::origin(),
            content: samples::content(body),
        };
        crate::Body::samples().into_iter().map(message).collect()
    }
}
