//! Converts the library's messages and people to our types.

mod call;
mod change;
mod content;
mod group;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

pub(super) use call::{answered_elsewhere, call, missed_call};
use openclaw_types::{
    Body, ChatId, ChatKind, Contact, EventData, Message, MessageId, Origin, Undecryptable,
    UndecryptableReason,
};
use whatsapp_rust::types::events::{InboundMessage, UnavailableType, UndecryptableMessage};
use whatsapp_rust::types::message::{MessageInfo, MessageSource};
use whatsapp_rust::wacore::types::message::MessageCategory;
use whatsapp_rust::wacore_binary::{JidExt as _, NodeRef};
use whatsapp_rust::{Jid, waproto};

pub(super) use group::{change as group_change, group, picture};

/// The maximum length of a name that is kept: WhatsApp's own limit is 25 characters.
const MAX_PUSH_NAME_CHARS: usize = 100;

/// Converts a message for the journal. `None` for messages between the account's devices: keys, history, settings.
pub(super) fn event_data(inbound: &InboundMessage) -> Option<EventData> {
    let InboundMessage { message, info, .. } = inbound;
    if info.category == MessageCategory::Peer {
        return None;
    }
    let core = content::unwrapped(message);
    if let Some(change) = change::change(core, info) {
        return Some(change);
    }
    let mut content = content::content(message, &info.source);
    // The value of the stanza, if the library did not find one in the message.
    if let Some(seconds) = info.ephemeral_expiration {
        content.disappears_after = seconds;
    }
    if let Some(post) = &info.comment_target
        && let Body::Other(other) = &mut content.body
        && other.about.is_none()
    {
        other.about = change::target(post, &info.source).map(Box::new);
    }
    let origin = origin_of(info);
    Some(EventData::Message(Box::new(Message { origin, content })))
}

/// The body of a message, without context and other common fields.
pub(super) fn body(message: &waproto::whatsapp::Message, source: &MessageSource) -> Body {
    content::content(message, source).body
}

/// Whether a message creates a poll.
pub(super) fn is_poll(message: &waproto::whatsapp::Message) -> bool {
    content::poll(content::unwrapped(message)).is_some()
}

/// An encrypted vote in a poll, as it arrives.
pub(super) fn sealed_vote(
    message: &waproto::whatsapp::Message,
) -> Option<&waproto::whatsapp::message::PollEncValue> {
    let update = content::unwrapped(message)
        .poll_update_message
        .as_option()?;
    update.vote.as_option()
}

/// Whether a message from the account itself is of a kind that only devices send each other.
pub(super) fn is_between_devices(message: &waproto::whatsapp::Message) -> bool {
    let source = MessageSource::default();
    content::content(message, &source).body.name() == "protocol"
}

/// The disappearing timer of the chat as a message shows it, in seconds, 0 for none; `None` if the message has no
/// information about it.
pub(super) fn timer(inbound: &InboundMessage) -> Option<(ChatId, u32)> {
    let InboundMessage { message, info, .. } = inbound;
    let core = content::unwrapped(message);
    if info.category == MessageCategory::Peer || !content::has_timer(core) {
        return None;
    }
    let chat = chat_of(&info.source);
    let answered = matches!(ChatKind::of(&chat), ChatKind::Person | ChatKind::Group);
    let seconds = info.ephemeral_expiration;
    let seconds =
        seconds.unwrap_or_else(|| content::content(message, &info.source).disappears_after);
    answered.then_some((chat, seconds))
}

/// The origin of a message.
fn origin_of(info: &MessageInfo) -> Origin {
    let recovered = info.unavailable_request_id.is_some();
    let chat = chat_of(&info.source);
    Origin {
        id: MessageId::new(&info.id),
        group: ChatKind::of(&chat) == ChatKind::Group,
        chat,
        sender: sender(&info.source),
        push_name: info.push_name.chars().take(MAX_PUSH_NAME_CHARS).collect(),
        sent_at: SystemTime::from(info.timestamp),
        from_me: info.source.is_from_me,
        offline: info.is_offline,
        // Two kinds of messages that the library does not pass to the hook.
        bypassed: recovered || info.source.chat.is_newsletter(),
        recovered,
    }
}

/// The chat in which a person sees a message. A message through another person's broadcast list appears in the chat
/// with that person: the other recipients and the list are not visible to the account.
fn chat_of(source: &MessageSource) -> ChatId {
    match &source.broadcast_list_owner {
        Some(owner) if !source.is_from_me => chat(owner),
        _ => chat(&source.chat),
    }
}

pub(super) fn chat(jid: &Jid) -> ChatId {
    ChatId::of_jid(&jid.to_string())
}

/// The sender by number and by LID: the stanza has one as the address, and often the other as an attribute.
pub(super) fn sender(source: &MessageSource) -> Contact {
    let mut contact = Contact::default();
    add(&mut contact, &source.sender);
    if let Some(alt) = &source.sender_alt {
        add(&mut contact, alt);
    }
    contact
}

/// A message that could not be decrypted, and the reason, if known.
pub(super) fn undecryptable(message: &UndecryptableMessage) -> Undecryptable {
    let reason = match message.unavailable_type {
        _ if !message.is_unavailable => UndecryptableReason::NotDecrypted,
        UnavailableType::ViewOnce => UndecryptableReason::ViewOnce,
        UnavailableType::Hosted => UndecryptableReason::Hosted,
        UnavailableType::Bot => UndecryptableReason::Bot,
        UnavailableType::Unknown => UndecryptableReason::Unavailable,
    };
    Undecryptable {
        id: MessageId::new(&message.info.id),
        chat: chat_of(&message.info.source),
        sender: sender(&message.info.source),
        from_me: Some(message.info.source.is_from_me),
        sent_at: Some(SystemTime::from(message.info.timestamp)),
        offline: Some(message.info.is_offline),
        reason,
    }
}

/// A message in an encryption that this library does not support, or whose secret only the phone has, such as answers
/// of Meta AI (`msmsg`). The library acks it, or refuses it with 495, and raises no event. If the library decrypts one
/// after all, a message with the same id follows.
pub(super) fn sealed_for_the_phone(
    stanza: &NodeRef<'_>,
    is_ours: impl FnOnce(&Contact) -> Option<bool>,
) -> Option<EventData> {
    if stanza.tag != "message" {
        return None;
    }
    let kinds: Vec<_> = stanza
        .get_children_by_tag("enc")
        .map(|enc| enc.attrs().optional_string("type").unwrap_or_default())
        .collect();
    let opens = |kind: &str| matches!(kind, "pkmsg" | "msg" | "skmsg");
    if kinds.is_empty() || kinds.iter().any(|kind| opens(kind)) {
        return None;
    }
    let bot = kinds.iter().any(|kind| kind == "msmsg");
    let mut attrs = stanza.attrs();
    let from = attrs.optional_jid("from")?;
    let id = attrs.optional_string("id").filter(|id| !id.is_empty())?;
    let author = attrs.optional_jid("participant");
    let sender = person(author.as_ref().unwrap_or(&from));
    let seconds = attrs.optional_u64("t");
    let sent_at =
        seconds.and_then(|it| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(it)));
    Some(EventData::Undecryptable(Undecryptable {
        id: MessageId::new(&id),
        chat: chat(&from),
        from_me: is_ours(&sender),
        sender,
        sent_at,
        offline: Some(stanza.get_attr("offline").is_some()),
        reason: if bot {
            UndecryptableReason::Bot
        } else {
            UndecryptableReason::UnknownEncryption
        },
    }))
}

/// A person known only by a JID.
fn person(jid: &Jid) -> Contact {
    let mut contact = Contact::default();
    add(&mut contact, jid);
    contact
}

/// A person by several JIDs.
pub(super) fn contact<'a>(jids: impl IntoIterator<Item = &'a Jid>) -> Contact {
    let mut contact = Contact::default();
    for jid in jids {
        add(&mut contact, jid);
    }
    contact
}

/// The person of a JID in a message; unknown if it is not a valid JID.
fn named(jid: &str) -> Contact {
    jid.parse().as_ref().map(person).unwrap_or_default()
}

fn add(contact: &mut Contact, jid: &Jid) {
    let Contact { phone, lid } = Contact::of_jid(&jid.to_string());
    contact.phone = contact.phone.take().or(phone);
    contact.lid = contact.lid.take().or(lid);
}
