//! How a message names another one.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;

/// The message that another is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Whether it is the writer's own, as that sees it. What is edited is; what is reacted to rarely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    /// Who wrote it, as a JID: needed in groups for what is not the writer's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The chat it is in, as a JID, where that is another.
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

/// A message of the sender's own, as the sender names it.
pub(crate) fn own(id: &str) -> wa::MessageKey {
    wa::MessageKey {
        from_me: Some(true),
        id: Some(id.to_owned()),
        ..Default::default()
    }
}

/// How a part names the album that it belongs to.
pub(crate) fn in_album(album: &str) -> wa::MessageAssociation {
    use wa::message_association::AssociationType;
    wa::MessageAssociation {
        association_type: Some(AssociationType::MEDIA_ALBUM),
        parent_message_key: MessageField::some(own(album)),
        ..Default::default()
    }
}
