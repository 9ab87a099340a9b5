//! Plain text.

use waproto::whatsapp as wa;

use super::wrapper::unwrapped;

pub(crate) fn text_message(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    }
}

/// The text of a message, inside any wrappers.
pub(crate) fn text_of(message: &wa::Message) -> Option<String> {
    let (_, message) = unwrapped(message);
    let extended = message.extended_text_message.as_option();
    let extended = extended.and_then(|text| text.text.clone());
    message.conversation.clone().or(extended)
}
