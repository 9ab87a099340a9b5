//! What messages that this device has sent say. WhatsApp does not send them back; the library keeps them for devices that
//! request them again.

use openclaw_types::{Body, ChatId, MessageId};
use whatsapp_rust::types::message::MessageSource;
use whatsapp_rust::waproto;

use super::translate;
use crate::store::Store;

/// What a message of this device says, while it is kept.
#[must_use]
pub fn own_message(store: &Store, chat: &ChatId, id: &MessageId) -> Option<Body> {
    let names = store.names(chat.jid(), None).into_iter();
    let sent = names
        .filter_map(|name| store.sent(&name, id.as_str()))
        .next()?;
    let message = waproto::codec::message_decode(&sent).ok()?;
    let source = MessageSource::default();
    Some(translate::body(&message, &source))
}
