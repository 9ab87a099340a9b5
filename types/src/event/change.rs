//! Who may change what: what is known of that in a change, and a change that was not allowed.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::send::MessageId;
use crate::stored::maybe_time;
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
