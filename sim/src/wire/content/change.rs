//! Changes of another message: edits, deletions, reactions, pins.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::pin_in_chat_message::Type as PinType;
use waproto::whatsapp::message::protocol_message::Type;
use waproto::whatsapp::message::{PinInChatMessage, ProtocolMessage, ReactionMessage};

use super::key::Key;
use crate::clock::unix_now_ms;

/// A reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// The message that it refers to.
    pub about: Key,
    /// The emoji; an empty one removes the reaction.
    pub emoji: String,
}

/// A pinned message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The message to pin.
    pub about: Key,
    /// Pinned or unpinned.
    pub pinned: bool,
}

pub(super) fn protocol(message: ProtocolMessage) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(message),
        ..Default::default()
    }
}

pub(crate) fn deletion(about: &Key) -> wa::Message {
    protocol(ProtocolMessage {
        key: MessageField::some(about.message_key(true)),
        r#type: Some(Type::REVOKE),
        ..Default::default()
    })
}

/// A change of the chat's timer; 0 turns it off.
#[must_use]
pub fn timer(seconds: u32) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            r#type: Some(Type::EPHEMERAL_SETTING),
            ephemeral_expiration: Some(seconds),
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl Reaction {
    pub(crate) fn message(&self) -> wa::Message {
        wa::Message {
            reaction_message: MessageField::some(ReactionMessage {
                key: MessageField::some(self.about.message_key(false)),
                text: Some(self.emoji.clone()),
                sender_timestamp_ms: unix_now_ms(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    pub(crate) fn of(reaction: &ReactionMessage) -> Self {
        Self {
            about: Key::of(&reaction.key),
            emoji: reaction.text.clone().unwrap_or_default(),
        }
    }
}

impl Pin {
    pub(crate) fn message(&self) -> wa::Message {
        let kind = match self.pinned {
            true => PinType::PIN_FOR_ALL,
            false => PinType::UNPIN_FOR_ALL,
        };
        wa::Message {
            pin_in_chat_message: MessageField::some(PinInChatMessage {
                key: MessageField::some(self.about.message_key(false)),
                r#type: Some(kind),
                sender_timestamp_ms: unix_now_ms(),
            }),
            ..Default::default()
        }
    }

    pub(crate) fn of(pin: &PinInChatMessage) -> Self {
        Self {
            about: Key::of(&pin.key),
            pinned: pin.r#type == Some(PinType::PIN_FOR_ALL),
        }
    }
}
