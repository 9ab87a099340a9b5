//! What the account does in chats besides sending: read receipts, typing, its presence; and the same of others.

use std::time::SystemTime;

use openclaw_types::{Activity, ChatId, Contact, Doing, MessageId, Recipient};
use whatsapp_rust::types::events::{ChatPresenceUpdate, PresenceUpdate};
use whatsapp_rust::types::presence::{ChatPresence, ChatPresenceMedia};
use whatsapp_rust::wacore::types::message::AddressingMode;
use whatsapp_rust::{ChatStateType, Jid};

use super::outbound::jid;
use super::{QueryError, Session, names};

impl Session {
    /// Sends read receipts for messages of one sender in one chat. `sender` is needed in a group.
    pub async fn mark_read(
        &self,
        chat: &Recipient,
        sender: Option<&Contact>,
        ids: &[MessageId],
    ) -> Result<(), QueryError> {
        let chat_jid = jid(chat);
        let participant = match (chat, sender) {
            (Recipient::Group(_), Some(sender)) => {
                let group = self.client.groups().query_info(&chat_jid).await;
                let group = group.map_err(|_| QueryError::ConnectionLost)?;
                person(sender, group.addressing_mode == AddressingMode::Lid)
            }
            _ => None,
        };
        let ids: Vec<&str> = ids.iter().map(MessageId::as_str).collect();
        let sent = self
            .client
            .mark_as_read(&chat_jid, participant.as_ref(), &ids);
        sent.await.map_err(|_| QueryError::ConnectionLost)
    }

    /// Shows in a chat that the account types, records or stopped. True if WhatsApp was notified.
    pub async fn show_typing(&self, to: &Recipient, what: Typing) -> bool {
        let state = match what {
            Typing::Text => ChatStateType::Composing,
            Typing::Recording => ChatStateType::Recording,
            Typing::Stopped => ChatStateType::Paused,
        };
        self.client.chatstate().send(&jid(to), state).await.is_ok()
    }

    /// Shows the account as online while any client needs that, else as offline: while it is online, the phone shows no
    /// notifications. Errors are ignored: without a push name nothing can be announced, and nothing was announced before.
    pub async fn show_presence(&self) {
        loop {
            let online = self.presence.is_online();
            let presence = self.client.presence();
            let _ = match online {
                true => presence.set_available().await,
                false => presence.set_unavailable().await,
            };
            // It may have changed meanwhile, for another client.
            if self.presence.is_online() == online {
                return;
            }
        }
    }

    /// Subscribes to the presence of a person. Groups have none.
    pub async fn follow(&self, who: &Recipient) {
        if !matches!(who, Recipient::Group(_)) {
            // The library repeats it on the next connection.
            let _ = self.client.presence().subscribe(jid(who)).await;
        }
    }

    /// Ends the subscription of [`Self::follow`].
    pub async fn unfollow(&self, who: &Recipient) {
        if !matches!(who, Recipient::Group(_)) {
            let _ = self.client.presence().unsubscribe(&jid(who)).await;
        }
    }
}

/// What the account does in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// It types.
    Text,
    /// It records a voice message.
    Recording,
    /// It has stopped.
    Stopped,
}

/// The JID of a person in a group: the LID if the group uses LIDs, else the number; the other one if only that is known.
fn person(who: &Contact, by_lid: bool) -> Option<Jid> {
    let [lid, number] = names::jids(who);
    match by_lid {
        true => lid.or(number),
        false => number.or(lid),
    }
}

/// A contact came online or went offline.
pub(super) fn presence(update: &PresenceUpdate) -> Activity {
    let address = update.from.to_string();
    Activity {
        chat: ChatId::of_jid(&address),
        who: Contact::of_jid(&address),
        what: match update.unavailable {
            true => Doing::Offline {
                last_seen: update.last_seen.map(SystemTime::from),
            },
            false => Doing::Online,
        },
    }
}

/// A contact types, records or has stopped.
pub(super) fn typing(update: &ChatPresenceUpdate) -> Activity {
    Activity {
        chat: ChatId::of_jid(&update.source.chat.to_string()),
        who: Contact::of_jid(&update.source.sender.to_string()),
        what: match (update.state, update.media) {
            (ChatPresence::Composing, ChatPresenceMedia::Audio) => Doing::Recording,
            (ChatPresence::Composing, ChatPresenceMedia::Text) => Doing::Typing,
            (ChatPresence::Paused, _) => Doing::Stopped,
        },
    }
}
