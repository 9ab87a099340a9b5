//! Reads a history that the phone has sent: it is inflated as a stream, and its messages are decoded one by one, because a few
//! bytes can become a large message.

use std::sync::Arc;

use openclaw_state::people::People as _;
use openclaw_types::{ChatId, EventData, Message, MessageId};
use whatsapp_rust::Jid;
use whatsapp_rust::buffa::Enumeration as _;
use whatsapp_rust::types::events::InboundMessage;
use whatsapp_rust::types::message::{MessageInfo, MessageSource};
use whatsapp_rust::wacore::history_sync::HistorySyncStream;
use whatsapp_rust::wacore::time::from_secs;
use whatsapp_rust::wacore_binary::JidExt as _;
use whatsapp_rust::waproto::codec;
use whatsapp_rust::waproto::tags::conversation as tag;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::conversation::EndOfHistoryTransferType as End;

use super::{History, HistoryError, HistoryPosition};

use crate::session::time::date;
use crate::session::translate;
use crate::store::Store;
use crate::store::protobuf::{Value, next_field};

/// The maximum size of a history, inflated.
const MAX_INFLATED_BYTES: u64 = 8 << 20;
/// The maximum size of one message: texts have up to 256 KiB, and thumbnails 64 KiB.
const MAX_MESSAGE_BYTES: usize = 512 << 10;
/// The maximum number of messages that are looked at; the phone may send more than it was asked for.
const MAX_MESSAGES: usize = 500;

/// What was asked for.
pub(super) struct Asked {
    pub(super) chat: ChatId,
    pub(super) before: MessageId,
    pub(super) count: usize,
}

/// The account's addresses.
pub(super) struct Account {
    pub(super) number: Option<Jid>,
    pub(super) lid: Option<Jid>,
}

/// The messages of the chat. A history without the chat has none, and there are no more.
pub(super) fn history(
    compressed: &[u8],
    asked: &Asked,
    account: &Account,
    store: &Store,
) -> Result<History, HistoryError> {
    let mut stream = HistorySyncStream::new(compressed, MAX_INFLATED_BYTES);
    let reader = Reader {
        chat: store.canonical(asked.chat.clone()),
        asked,
        account,
        store,
    };
    let mut left_out = 0;
    loop {
        // Also of a history that is larger when it is inflated.
        let next = stream.next_conversation_bytes();
        let Some(bytes) = next.map_err(|_| HistoryError::Unreadable)? else {
            return Ok(History {
                left_out,
                ..History::default()
            });
        };
        let conversation = Conversation::read(bytes).ok_or(HistoryError::Unreadable)?;
        if reader.is_chat(conversation.id) {
            return Ok(reader.messages(&conversation, left_out));
        }
        left_out += conversation.messages.len();
    }
}

/// A chat's part of a history, not decoded further.
struct Conversation<'a> {
    id: &'a str,
    messages: Vec<&'a [u8]>,
    end: Option<u64>,
}

impl<'a> Conversation<'a> {
    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut read = Self {
            id: "",
            messages: Vec::new(),
            end: None,
        };
        while !bytes.is_empty() {
            let (number, value) = next_field(&mut bytes)?;
            match (u32::try_from(number).ok()?, value) {
                (tag::ID, Value::Bytes(id)) => read.id = str::from_utf8(id).ok()?,
                (tag::MESSAGES, Value::Bytes(message)) if read.messages.len() < MAX_MESSAGES => {
                    read.messages.push(message);
                }
                (tag::END_OF_HISTORY_TRANSFER_TYPE, Value::Varint(end)) => read.end = Some(end),
                _ => {}
            }
        }
        Some(read)
    }

    /// Whether the phone has older messages.
    fn has_more(&self) -> bool {
        let end = self
            .end
            .and_then(|end| End::from_i32(i32::try_from(end).ok()?));
        !self.messages.is_empty()
            && end != Some(End::COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY)
            && end != Some(End::COMPLETE_ON_DEMAND_SYNC_WITH_MORE_MSG_ON_PRIMARY_BUT_NO_ACCESS)
    }
}

struct Reader<'a> {
    chat: ChatId,
    asked: &'a Asked,
    account: &'a Account,
    store: &'a Store,
}

impl Reader<'_> {
    fn is_chat(&self, jid: &str) -> bool {
        self.store.canonical(ChatId::of_jid(jid)) == self.chat
    }

    fn messages(&self, conversation: &Conversation<'_>, left_out: usize) -> History {
        let read = conversation.messages.iter();
        let mut entries: Vec<_> = read.filter_map(|bytes| self.entry(bytes)).collect();
        let all = entries.len();
        // The phone sends them in this order; of messages of the same second it is kept.
        entries.sort_by_key(|(position, _)| std::cmp::Reverse(position.sent_at));
        entries.truncate(self.asked.count);
        let (looked_at, oldest) = (entries.len(), entries.last().map(|(it, _)| it.clone()));
        let messages: Vec<Message> = entries.into_iter().filter_map(|(_, it)| it).collect();
        History {
            more: conversation.has_more() || all > looked_at,
            left_out: left_out + (conversation.messages.len() - all) + (looked_at - messages.len()),
            oldest,
            messages,
        }
    }

    /// A message of the chat, and its position. A position alone is that of something else: a change of a group, a deleted
    /// message.
    fn entry(&self, bytes: &[u8]) -> Option<(HistoryPosition, Option<Message>)> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        let decoded = codec::history_sync_msg_decode(bytes).ok()?;
        let wa::WebMessageInfo {
            key,
            message,
            message_timestamp,
            participant,
            push_name,
            ..
        } = decoded.message.into_option()?;
        let key = key.into_option()?;
        let id = key.id.filter(|id| !id.is_empty())?;
        if id == self.asked.before.as_str() || !self.is_chat(key.remote_jid.as_deref()?) {
            return None;
        }
        // A message without a date that the API can have is none.
        let seconds = message_timestamp?;
        let source = self.source(
            key.remote_jid.as_deref()?,
            key.from_me == Some(true),
            key.participant.or(participant).as_deref(),
        )?;
        let author = translate::contact([&source.sender].into_iter().chain(&source.sender_alt));
        let position = HistoryPosition {
            id: MessageId::new(&id),
            sender: (!source.is_from_me).then(|| self.store.resolve_contact(author)),
            sent_at: date(seconds)?,
        };
        let info = MessageInfo {
            id,
            source,
            timestamp: from_secs(i64::try_from(seconds).ok()?)?,
            push_name: push_name.unwrap_or_default(),
            ..MessageInfo::default()
        };
        let message = message.into_option();
        Some((position, message.and_then(|it| self.message(it, info))))
    }

    fn message(&self, message: wa::Message, info: MessageInfo) -> Option<Message> {
        let inbound = InboundMessage::builder()
            .message(Arc::new(message))
            .info(Arc::new(info))
            .build();
        let data = translate::event_data(&inbound)?;
        match self.store.resolve_contacts(data) {
            EventData::Message(message) => Some(*message),
            _ => None,
        }
    }

    fn source(&self, chat: &str, from_me: bool, author: Option<&str>) -> Option<MessageSource> {
        let chat: Jid = chat.parse().ok()?;
        let is_group = chat.is_group();
        let Account { number, lid } = self.account;
        let (sender, sender_alt) = match author {
            _ if from_me => (number.clone()?, lid.clone()),
            Some(author) if is_group => (author.parse().ok()?, None),
            // In a group the phone names the author.
            _ if is_group => return None,
            _ => (chat.clone(), None),
        };
        Some(MessageSource {
            chat,
            sender,
            sender_alt,
            is_from_me: from_me,
            is_group,
            ..MessageSource::default()
        })
    }
}

#[cfg(test)]
mod tests;
