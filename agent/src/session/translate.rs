//! The library's messages and people in our words.

mod change;
mod content;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use whatsapp_rust::Jid;
use whatsapp_rust::types::events::{InboundMessage, UnavailableType, UndecryptableMessage};
use whatsapp_rust::types::message::{MessageInfo, MessageSource};
use whatsapp_rust::wacore::types::message::MessageCategory;
use whatsapp_rust::wacore_binary::JidExt as _;

use crate::model::{
    ChatId, Contact, Details, Message, MessageId, Occurrence, Origin, Undecryptable,
};

/// The longest name kept: WhatsApp's own limit is 25 characters.
const MAX_PUSH_NAME: usize = 100;

/// What a message tells, for the journal. `None` for what the phone's software says to this
/// device's: keys, history, settings.
pub(super) fn occurrence(inbound: &InboundMessage) -> Option<Occurrence> {
    let InboundMessage { message, info, .. } = inbound;
    if info.category == MessageCategory::Peer {
        return None;
    }
    let core = content::unwrapped(message);
    if let Some(change) = change::change(core, info) {
        return Some(change);
    }
    let mut content = content::content(message);
    if let Some(post) = &info.comment_target {
        let about = || Some(Details::About(MessageId::new(post.id.as_deref()?)));
        content.details = content.details.or_else(about);
    }
    let origin = whence(info);
    Some(Occurrence::Message(Box::new(Message { origin, content })))
}

/// Where a message comes from.
fn whence(info: &MessageInfo) -> Origin {
    let recovered = info.unavailable_request_id.is_some();
    Origin {
        id: MessageId::new(&info.id),
        chat: chat(&info.source.chat),
        sender: sender(&info.source),
        push_name: info.push_name.chars().take(MAX_PUSH_NAME).collect(),
        sent_at: SystemTime::from(info.timestamp),
        from_me: info.source.is_from_me,
        group: info.source.is_group,
        offline: info.is_offline,
        // The two whose messages the library does not give to the hook.
        bypassed: recovered || info.source.chat.is_newsletter(),
        recovered,
    }
}

pub(super) fn chat(jid: &Jid) -> ChatId {
    ChatId::of_jid(&jid.to_string())
}

/// The sender by number and by LID: the stanza has one as the address and often tells the other.
pub(super) fn sender(source: &MessageSource) -> Contact {
    let mut contact = Contact::default();
    add(&mut contact, &source.sender);
    if let Some(alt) = &source.sender_alt {
        add(&mut contact, alt);
    }
    contact
}

/// A message that did not open, and why as far as that is known.
pub(super) fn undecryptable(message: &UndecryptableMessage) -> Undecryptable {
    let reason = match message.unavailable_type {
        _ if !message.is_unavailable => "not_decrypted",
        UnavailableType::ViewOnce => "view_once",
        UnavailableType::Hosted => "hosted",
        UnavailableType::Bot => "bot",
        UnavailableType::Unknown => "unavailable",
    };
    Undecryptable {
        id: MessageId::new(&message.info.id),
        chat: chat(&message.info.source.chat),
        sender: sender(&message.info.source),
        reason: reason.into(),
    }
}

/// A person by a JID alone.
fn person(jid: &Jid) -> Contact {
    let mut contact = Contact::default();
    add(&mut contact, jid);
    contact
}

/// A person by a JID that a message has in it; unknown when it is none.
fn named(jid: &str) -> Contact {
    jid.parse().as_ref().map(person).unwrap_or_default()
}

fn add(contact: &mut Contact, jid: &Jid) {
    let Contact { phone, lid } = Contact::of_jid(&jid.to_string());
    contact.phone = contact.phone.take().or(phone);
    contact.lid = contact.lid.take().or(lid);
}
