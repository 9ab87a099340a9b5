//! People and chats.

use openclaw_types::{ChatId, ChatKind, Contact, Lid};

use crate::v1;

/// A contact.
#[must_use]
pub fn contact(contact: Contact) -> v1::Contact {
    let Contact { phone, lid } = contact;
    v1::Contact {
        phone: phone.map(|phone| phone.e164()).unwrap_or_default(),
        lid: lid.as_ref().map(Lid::jid).unwrap_or_default(),
    }
}

impl From<v1::Contact> for Contact {
    fn from(contact: v1::Contact) -> Self {
        let v1::Contact { phone, lid } = contact;
        Self {
            phone: phone.parse().ok(),
            lid: Lid::new(lid.strip_suffix("@lid").unwrap_or_default()),
        }
    }
}

/// The contact; an absent one becomes an empty contact.
pub(super) fn person(contact: Option<v1::Contact>) -> Contact {
    contact.map(Contact::from).unwrap_or_default()
}

/// The kind of a chat.
#[must_use]
pub const fn chat_kind(kind: ChatKind) -> v1::ChatKind {
    match kind {
        ChatKind::Person => v1::ChatKind::Person,
        ChatKind::Group => v1::ChatKind::Group,
        ChatKind::Status => v1::ChatKind::Status,
        ChatKind::Channel => v1::ChatKind::Channel,
    }
}

pub(super) fn kind_of(chat: &ChatId) -> i32 {
    chat_kind(ChatKind::of(chat)).into()
}

pub(super) fn chat_name(chat: &ChatId) -> String {
    chat.jid().to_owned()
}
