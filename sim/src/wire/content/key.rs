//! References to another message.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;

/// The message that another one refers to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Whether the sender of the reference also wrote the message. Always true for an edit, rarely for a reaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    /// Its author, as a JID: needed in groups, unless `own`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Its chat, as a JID, if that is another chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
}

impl Key {
    pub(crate) fn message_key(&self, own: bool) -> wa::MessageKey {
        wa::MessageKey {
            remote_jid: self.chat.clone(),
            from_me: Some(self.own.unwrap_or(own)),
            id: Some(self.id.clone()),
            participant: self.author.clone(),
        }
    }

    pub(crate) fn of(key: &wa::MessageKey) -> Self {
        Self {
            id: key.id.clone().unwrap_or_default(),
            own: key.from_me,
            author: key.participant.clone(),
            chat: key.remote_jid.clone(),
        }
    }
}

/// The key of one of the sender's own messages, as the sender refers to it.
pub(crate) fn own(id: &str) -> wa::MessageKey {
    wa::MessageKey {
        from_me: Some(true),
        id: Some(id.to_owned()),
        ..Default::default()
    }
}

/// The reference of a part to its album.
pub(crate) fn in_album(album: &str) -> wa::MessageAssociation {
    use wa::message_association::AssociationType;
    wa::MessageAssociation {
        association_type: Some(AssociationType::MEDIA_ALBUM),
        parent_message_key: MessageField::some(own(album)),
        ..Default::default()
    }
}
