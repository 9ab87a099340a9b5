//! The library's messages and people in our words.

use std::time::SystemTime;

use whatsapp_rust::Jid;
use whatsapp_rust::proto_helpers::MessageExt as _;
use whatsapp_rust::types::events::InboundMessage;
use whatsapp_rust::types::message::{MessageInfo, MessageSource};
use whatsapp_rust::wacore::types::message::MessageCategory;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::model::{ChatId, Contact, Content, Lid, Message, MessageId, Origin, Phone, Word};

/// The longest name kept: WhatsApp's own limit is 25 characters.
const MAX_PUSH_NAME: usize = 100;

/// A message for the journal. `None` for what the phone's software says to this device's: keys,
/// history, settings.
pub(super) fn message(inbound: &InboundMessage) -> Option<Message> {
    let InboundMessage { message, info, .. } = inbound;
    if info.category == MessageCategory::Peer {
        return None;
    }
    let text = message
        .text_content()
        .or_else(|| message.get_caption())
        .unwrap_or_default();
    let content = Content {
        word: Word::Borrowed(content(message.get_base_message())),
        text: text.to_owned(),
        ..Content::default()
    };
    let origin = Origin {
        id: MessageId::new(&info.id),
        chat: chat(&info.source.chat),
        sender: sender(&info.source),
        push_name: info.push_name.chars().take(MAX_PUSH_NAME).collect(),
        sent_at: SystemTime::from(info.timestamp),
        from_me: info.source.is_from_me,
        group: info.source.is_group,
        offline: info.is_offline,
        bypassed: false,
        recovered: info.unavailable_request_id.is_some(),
    };
    Some(Message { origin, content })
}

pub(super) fn chat(jid: &Jid) -> ChatId {
    ChatId::new(jid.to_non_ad().to_string())
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

/// The message's id and where it is from, for events about messages without content.
pub(super) fn origin(info: &MessageInfo) -> (MessageId, ChatId, Contact) {
    (
        MessageId::new(&info.id),
        chat(&info.source.chat),
        sender(&info.source),
    )
}

fn add(contact: &mut Contact, jid: &Jid) {
    if jid.is_pn() {
        contact.phone = contact
            .phone
            .take()
            .or_else(|| jid.user.parse::<Phone>().ok());
    } else if jid.is_lid() {
        contact.lid = contact.lid.take().or_else(|| Lid::new(&jid.user));
    }
}

/// What a message is, in one word. Whatever has no word of its own is `other`: named, not dropped.
fn content(message: &wa::Message) -> &'static str {
    if message.conversation.is_some() || message.extended_text_message.is_set() {
        return "text";
    }
    macro_rules! first_set {
        ($($field:ident => $word:literal),+ $(,)?) => {
            $(if message.$field.is_set() { return $word; })+
        };
    }
    first_set! {
        image_message => "image",
        video_message => "video",
        ptv_message => "video",
        audio_message => "audio",
        document_message => "document",
        sticker_message => "sticker",
        reaction_message => "reaction",
        enc_reaction_message => "reaction",
        location_message => "location",
        live_location_message => "location",
        contact_message => "contact",
        contacts_array_message => "contact",
        poll_creation_message => "poll",
        poll_creation_message_v2 => "poll",
        poll_creation_message_v3 => "poll",
        poll_update_message => "poll_vote",
        event_message => "event",
        group_invite_message => "group_invite",
        call => "call",
        buttons_response_message => "button",
        list_response_message => "button",
        template_button_reply_message => "button",
        interactive_response_message => "button",
        secret_encrypted_message => "edit",
        pin_in_chat_message => "pin",
        keep_in_chat_message => "keep",
    }
    match message
        .protocol_message
        .as_option()
        .and_then(|protocol| protocol.r#type)
    {
        Some(wa::message::protocol_message::Type::REVOKE) => "revoke",
        Some(wa::message::protocol_message::Type::MESSAGE_EDIT) => "edit",
        Some(_) => "protocol",
        None => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(sender: &str, alt: Option<&str>) -> MessageSource {
        MessageSource {
            sender: sender.parse().unwrap(),
            sender_alt: alt.map(|jid| jid.parse().unwrap()),
            ..Default::default()
        }
    }

    #[test]
    fn a_sender_is_known_by_both_names_whichever_is_the_address() {
        let number = "15550100123:2@s.whatsapp.net";
        let lid = "100000000000001:2@lid";
        for (sender_jid, alt) in [(number, lid), (lid, number)] {
            let contact = sender(&source(sender_jid, Some(alt)));
            assert_eq!(contact.phone.unwrap().e164(), "+15550100123");
            assert_eq!(contact.lid.unwrap().jid(), "100000000000001@lid");
        }
        assert_eq!(sender(&source(lid, None)).phone, None);
    }

    #[test]
    fn every_content_has_a_word() {
        assert_eq!(content(&wa::Message::default()), "other");
        let text = wa::Message {
            conversation: Some("hi".into()),
            ..Default::default()
        };
        assert_eq!(content(&text), "text");
    }
}
