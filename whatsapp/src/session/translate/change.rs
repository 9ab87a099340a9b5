//! Changes to messages: edits, deletions, reactions.
//!
//! The library decrypts encrypted ones if it has the secret of the message that they refer to. Otherwise they are
//! reported as sealed.

use openclaw_types::{
    AuthorCheck, Body, Contact, Content, Deletion, Edit, EventData, MessageId, Reaction, Target,
};
use whatsapp_rust::types::message::{MessageInfo, MessageSource};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use super::{content, named, origin_of, person, sender};

/// The maximum length of an emoji, in bytes: a family with skin tones has 41.
const MAX_EMOJI_BYTES: usize = 64;

/// The change in a message, if there is one. A change that does not name its message is ignored.
pub(super) fn change(message: &wa::Message, info: &MessageInfo) -> Option<EventData> {
    reaction(message, info)
        .map(|reaction| EventData::Reaction(Box::new(reaction)))
        .or_else(|| edit(message, info).map(|edit| EventData::Edit(Box::new(edit))))
        .or_else(|| deletion(message, info).map(|gone| EventData::Deletion(Box::new(gone))))
}

fn reaction(message: &wa::Message, info: &MessageInfo) -> Option<Reaction> {
    let open = message.reaction_message.as_option();
    let key = match open {
        Some(reaction) => &reaction.key,
        None => &message.enc_reaction_message.as_option()?.target_message_key,
    };
    let key = key.as_option()?;
    let emoji = open.and_then(|reaction| reaction.text.as_deref());
    Some(Reaction {
        message: id(key)?,
        author: author(key, &info.source),
        emoji: content::cut(emoji.unwrap_or_default(), MAX_EMOJI_BYTES).to_owned(),
        sealed: open.is_none(),
        check: AuthorCheck::Unspecified,
        origin: origin_of(info),
    })
}

fn edit(message: &wa::Message, info: &MessageInfo) -> Option<Edit> {
    if let Some(sealed) = message.secret_encrypted_message.as_option() {
        return Some(Edit {
            message: id(sealed.target_message_key.as_option()?)?,
            content: Content {
                body: Body::Sealed,
                ..Content::default()
            },
            // Only the author of a message may edit it.
            author: sender(&info.source),
            check: AuthorCheck::Unspecified,
            origin: origin_of(info),
        });
    }
    let (key, protocol) = protocol(message, Type::MESSAGE_EDIT)?;
    Some(Edit {
        message: id(key)?,
        content: content::content(protocol.edited_message.as_option()?, &info.source),
        author: sender(&info.source),
        check: AuthorCheck::Unspecified,
        origin: origin_of(info),
    })
}

fn deletion(message: &wa::Message, info: &MessageInfo) -> Option<Deletion> {
    let (key, _) = protocol(message, Type::REVOKE)?;
    Some(Deletion {
        message: id(key)?,
        author: match key.participant.as_deref() {
            Some(author) => named(author),
            None => sender(&info.source),
        },
        check: AuthorCheck::Unspecified,
        origin: origin_of(info),
    })
}

/// The change in a protocol message.
fn protocol(
    message: &wa::Message,
    kind: Type,
) -> Option<(&wa::MessageKey, &wa::message::ProtocolMessage)> {
    let protocol = message.protocol_message.as_option()?;
    (protocol.r#type == Some(kind)).then_some((protocol.key.as_option()?, protocol))
}

/// The message that `key` refers to.
pub(super) fn target(key: &wa::MessageKey, source: &MessageSource) -> Option<Target> {
    Some(Target {
        message: id(key)?,
        author: author(key, source),
        check: AuthorCheck::Unspecified,
    })
}

fn id(key: &wa::MessageKey) -> Option<MessageId> {
    let id = key.id.as_deref().filter(|id| !id.is_empty());
    id.map(MessageId::new)
}

/// The author of the message that `key` refers to, from the point of view of the key's sender. Unknown if it is the
/// account itself in a one-to-one chat: the key does not contain the address.
fn author(key: &wa::MessageKey, source: &MessageSource) -> Contact {
    match key.participant.as_deref() {
        Some(author) => named(author),
        None if key.from_me == Some(true) => sender(source),
        None if source.is_from_me && !source.is_group => person(&source.chat),
        None => Contact::default(),
    }
}
