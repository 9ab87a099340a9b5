//! Converts an [`Outgoing`] into WhatsApp's message: the only place that does.

use openclaw_types::{Outgoing, Text};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;

/// The message. If `with_context` is set, it has a form with a field for the context, such as the chat's timer.
pub(super) fn message(outgoing: &Outgoing, with_context: bool) -> wa::Message {
    match outgoing {
        Outgoing::Text(text) if with_context => extended(text),
        Outgoing::Text(text) => plain(text),
    }
}

fn plain(text: &Text) -> wa::Message {
    wa::Message {
        conversation: Some(text.as_str().to_owned()),
        ..Default::default()
    }
}

/// The form of a text that has a field for the context.
fn extended(text: &Text) -> wa::Message {
    wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some(text.as_str().to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}
