//! The content of messages that this device has sent. WhatsApp does not send them back; the library keeps them for
//! devices that request a resend.

use openclaw_types::{Body, ChatId, MessageId};
use whatsapp_rust::types::message::MessageSource;
use whatsapp_rust::waproto;

use super::translate;
use crate::store::Store;

/// The content of a message that this device has sent, while the library keeps it.
#[must_use]
pub fn own_message(store: &Store, chat: &ChatId, id: &MessageId) -> Option<Body> {
    let message = sent(store, chat, id)?;
    Some(translate::body(&message, &MessageSource::default()))
}

/// The same in WhatsApp's form.
pub(super) fn sent(
    store: &Store,
    chat: &ChatId,
    id: &MessageId,
) -> Option<waproto::whatsapp::Message> {
    let names = store.names(chat.jid(), None).into_iter();
    let sent = names
        .filter_map(|name| store.sent(&name, id.as_str()))
        .next()?;
    waproto::codec::message_decode(&sent).ok()
}
