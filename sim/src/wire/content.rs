//! Messages in the form of WhatsApp's own clients: functions for the usual ones, descriptions of all of them
//! ([`Content`]), and the attributes of the stanza around them.

mod binary;
mod change;
mod choice;
mod context;
mod decode;
mod described;
mod encode;
mod key;
mod media;
mod people;
mod place;
mod poll;
mod text;
mod wrapper;

use buffa::MessageField;
use wacore_binary::Jid;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::protocol_message::Type;
use waproto::whatsapp::message::{
    DeviceSentMessage, ExtendedTextMessage, ImageMessage, ProtocolMessage, ReactionMessage,
};

use crate::clock::unix_now_ms;
use crate::number::Number;
use crate::wire::address::By;
pub use binary::Base64;
pub use change::{Pin, Reaction, timer};
pub use choice::{Choice, Offer};
pub use context::Preview;
pub use described::{Content, Context, Edit, Kind, NotContent, Quote};
pub use key::Key;
use key::{in_album, own};
pub use media::{File, Media};
pub use people::{Card, Invite};
pub use place::Place;
pub(crate) use poll::poll_in;
pub use poll::{Event, Poll, Vote};
pub(crate) use text::{text_message, text_of};
pub use wrapper::Wrapper;
pub(crate) use wrapper::unwrapped;

fn protocol(kind: Type, key: wa::MessageKey, edited: Option<wa::Message>) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            key: MessageField::some(key),
            r#type: Some(kind),
            timestamp_ms: edited.is_some().then(unix_now_ms).flatten(),
            edited_message: edited.map(MessageField::some).unwrap_or_default(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// An edit of a message that the sender has sent.
#[must_use]
pub fn edit(id: &str, text: &str) -> wa::Message {
    let edited = text_message(text);
    protocol(Type::MESSAGE_EDIT, own(id), Some(edited))
}

/// [`edit`] in a wrapper, as current clients send it. Both forms occur.
#[must_use]
pub fn wrapped_edit(id: &str, text: &str) -> wa::Message {
    Wrapper::Edited.around(edit(id, text))
}

/// The deletion for everyone of a message that the sender has sent.
#[must_use]
pub fn deletion(id: &str) -> wa::Message {
    protocol(Type::REVOKE, own(id), None)
}

/// The deletion of another member's message in a group, as an admin may do.
#[must_use]
pub fn deletion_by_admin(id: &str, author: &Number) -> wa::Message {
    let key = wa::MessageKey {
        from_me: Some(false),
        id: Some(id.to_owned()),
        participant: Some(author.lid().to_string()),
        ..Default::default()
    };
    protocol(Type::REVOKE, key, None)
}

/// A reaction to a message of the recipient; an empty emoji removes it.
#[must_use]
pub fn reaction(id: &str, emoji: &str) -> wa::Message {
    wa::Message {
        reaction_message: MessageField::some(ReactionMessage {
            key: MessageField::some(wa::MessageKey {
                from_me: Some(false),
                id: Some(id.to_owned()),
                ..Default::default()
            }),
            text: Some(emoji.to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// An image without a file.
#[must_use]
pub fn image(caption: &str) -> wa::Message {
    wa::Message {
        image_message: MessageField::some(ImageMessage {
            mimetype: Some("image/jpeg".to_owned()),
            caption: Some(caption.to_owned()),
            file_length: Some(81_234),
            width: Some(640),
            height: Some(480),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Text in a chat with disappearing messages, with the timer in seconds.
#[must_use]
pub fn disappearing(text: &str, seconds: u32) -> wa::Message {
    wa::Message {
        extended_text_message: MessageField::some(ExtendedTextMessage {
            text: Some(text.to_owned()),
            context_info: MessageField::some(wa::ContextInfo {
                expiration: Some(seconds),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Sets the timer of a message in a chat with disappearing messages, in seconds. Only for text and images.
#[must_use]
pub fn with_expiration(mut message: wa::Message, seconds: u32) -> wa::Message {
    if let Some(text) = message.conversation.take() {
        return disappearing(&text, seconds);
    }
    if let Some(image) = message.image_message.as_option_mut() {
        let mut context = image.context_info.as_option().cloned().unwrap_or_default();
        context.expiration = Some(seconds);
        image.context_info = MessageField::some(context);
    }
    message
}

/// The seconds until a message disappears, if it does.
pub(crate) fn expiration(message: &wa::Message) -> Option<u32> {
    let (_, inner) = unwrapped(message);
    let context = context::info(inner)?;
    context.expiration.filter(|seconds| *seconds > 0)
}

/// An image in the album whose message has this id.
#[must_use]
pub fn album_part(album: &str, caption: &str) -> wa::Message {
    wa::Message {
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_association: MessageField::some(in_album(album)),
            ..Default::default()
        }),
        ..image(caption)
    }
}

/// The attributes `type` and `edit` of the stanza that a message is in.
pub(crate) fn attributes(message: &wa::Message) -> (&'static str, Option<&'static str>) {
    let (wrappers, inner) = unwrapped(message);
    let edit = match wrappers.contains(&Wrapper::Edited) {
        true => Some("1"),
        false => edit_of(inner),
    };
    (type_of(inner), edit)
}

fn edit_of(message: &wa::Message) -> Option<&'static str> {
    if let Some(protocol) = message.protocol_message.as_option() {
        let own = protocol.key.as_option().and_then(|key| key.from_me) == Some(true);
        return match protocol.r#type {
            Some(Type::MESSAGE_EDIT) => Some("1"),
            Some(Type::REVOKE) if own => Some("7"),
            Some(Type::REVOKE) => Some("8"),
            _ => None,
        };
    }
    if let Some(reaction) = message.reaction_message.as_option() {
        let taken_back = reaction.text.as_deref().unwrap_or_default().is_empty();
        return taken_back.then_some("7");
    }
    if message.pin_in_chat_message.is_set() {
        return Some("2");
    }
    message.secret_encrypted_message.is_set().then_some("1")
}

fn type_of(message: &wa::Message) -> &'static str {
    let text = message.extended_text_message.as_option();
    let linked = text.is_some_and(|text| text.matched_text.is_some());
    if message.reaction_message.is_set() || message.enc_reaction_message.is_set() {
        "reaction"
    } else if message.event_message.is_set() || message.enc_event_response_message.is_set() {
        "event"
    } else if poll_in(message).is_some() || message.poll_update_message.is_set() {
        "poll"
    } else if message.conversation.is_some()
        || (text.is_some() && !linked)
        || message.protocol_message.is_set()
        || message.secret_encrypted_message.is_set()
        || message.pin_in_chat_message.is_set()
        || message.keep_in_chat_message.is_set()
        || message.album_message.is_set()
        || message.template_button_reply_message.is_set()
        || message.interactive_message.is_set()
    {
        "text"
    } else {
        "media"
    }
}

/// The copy for the sender's own companions: the message and its recipient.
pub(crate) fn copy_for_own_devices(to: &Number, by: By, message: &wa::Message) -> wa::Message {
    let destination = if by.is_lid() { to.lid() } else { to.pn() };
    wa::Message {
        device_sent_message: MessageField::some(DeviceSentMessage {
            destination_jid: Some(destination.to_string()),
            message: MessageField::some(message.clone()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The recipient in the copy of a message that a companion sent.
pub(crate) fn destination(message: &wa::Message) -> Option<Jid> {
    let copy = message.device_sent_message.as_option()?;
    copy.destination_jid.as_deref()?.parse().ok()
}

pub(crate) fn distribution(group: &str, key: Vec<u8>) -> wa::Message {
    wa::Message {
        sender_key_distribution_message: MessageField::some(
            wa::message::SenderKeyDistributionMessage {
                group_id: Some(group.to_owned()),
                axolotl_sender_key_distribution_message: Some(key),
            },
        ),
        ..Default::default()
    }
}

/// Whether a message is between devices: keys, history, settings.
pub(crate) fn is_between_devices(message: &wa::Message) -> bool {
    let kind = message.protocol_message.as_option();
    let kind = kind.and_then(|protocol| protocol.r#type);
    message.protocol_message.is_set()
        && !matches!(
            kind,
            Some(Type::MESSAGE_EDIT | Type::REVOKE | Type::EPHEMERAL_SETTING)
        )
}

/// Whether a message only contains a sender key.
pub(crate) fn is_only_distribution(message: &wa::Message) -> bool {
    message.sender_key_distribution_message.is_set() && text_of(message).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_has_the_attributes_that_clients_expect() {
        let author = "+15550100003".parse().expect("a number");
        for (message, named) in [
            (text_message("hi"), ("text", None)),
            (edit("A", "ho"), ("text", Some("1"))),
            (deletion("A"), ("text", Some("7"))),
            (deletion_by_admin("A", &author), ("text", Some("8"))),
            (reaction("A", "👍"), ("reaction", None)),
            (reaction("A", ""), ("reaction", Some("7"))),
            (image("look"), ("media", None)),
        ] {
            assert_eq!(attributes(&message), named);
        }
    }

    #[test]
    fn texts_and_images_have_the_chats_timer() {
        let text = text_message("hi");
        for message in [text, image("hi"), album_part("3A", "hi")] {
            assert_eq!(expiration(&message), None);
            let message = with_expiration(message, 604_800);
            assert_eq!(expiration(&message), Some(604_800));
        }
        assert_eq!(expiration(&disappearing("hi", 0)), None);
    }
}
