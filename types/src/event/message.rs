//! A message in a chat, and the origin that messages and changes have in common.

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

/// The origin of a message or change in a chat.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// WhatsApp's id, unique within (chat, sender).
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The chat.
    #[serde(rename = "c")]
    pub chat: ChatId,
    /// The sender.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// The name that the sender chose (push name).
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub push_name: String,
    /// WhatsApp's timestamp.
    #[serde(rename = "t", with = "time")]
    pub sent_at: SystemTime,
    /// The account itself is the sender, on another device.
    #[serde(rename = "m", default, skip_serializing_if = "is_false")]
    pub from_me: bool,
    /// True in a group.
    #[serde(rename = "g", default, skip_serializing_if = "is_false")]
    pub group: bool,
    /// It was queued at the server while the agent was offline.
    #[serde(rename = "o", default, skip_serializing_if = "is_false")]
    pub offline: bool,
    /// It was acknowledged before it was durable: WhatsApp does not send it again if the agent crashes before it is
    /// recorded.
    #[serde(rename = "b", default, skip_serializing_if = "is_false")]
    pub bypassed: bool,
    /// The phone sent the content again, after the agent could not decrypt the message.
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
    /// Its origin.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// Its content.
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
