//! Companions' requests to their phone: older messages of a chat, and a message that they could not decrypt.

use buffa::{Message as _, MessageField};
use wacore_binary::{Jid, JidExt as _};
use waproto::whatsapp::message::peer_data_operation_request_message::HistorySyncOnDemandRequest;
use waproto::whatsapp::message::peer_data_operation_request_response_message::PeerDataOperationResult;
use waproto::whatsapp::message::peer_data_operation_request_response_message::peer_data_operation_result::PlaceholderMessageResendResponse;
use waproto::whatsapp::conversation::EndOfHistoryTransferType as End;
use waproto::whatsapp::message::protocol_message::Type;
use waproto::whatsapp::message::{
    HistorySyncNotification, HistorySyncType, PeerDataOperationRequestMessage,
    PeerDataOperationRequestResponseMessage, PeerDataOperationRequestType, ProtocolMessage,
};
use waproto::{codec, whatsapp as wa};

use crate::number::{DeviceId, Number};
use crate::phones::bootstrap::{protocol, send_to_companion};
use crate::phones::media;
use crate::signal::party::Party;
use crate::state::State;
use crate::state::answers::{History, Resend};
use crate::state::error::Error;
use crate::state::inbox::Received;
use crate::state::sent::{Sent, To};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::content::File;
use crate::wire::deflate;
use crate::wire::file::{MediaType, Plain};

/// The maximum number of messages in one answer.
const MAX_MESSAGES: usize = 500;

/// The id of a request that no one waits for any more.
const LATE: &str = "3EB0000000000000000000";
/// The sizes of answers that no companion should accept.
const BOMB_BYTES: usize = 64 << 20;
const HUGE_BYTES: usize = 4 << 20;

/// Answers a request, given the id of its message.
pub(crate) fn answer(
    shared: &Shared,
    party: &mut Party,
    asker: &DeviceId,
    id: &str,
    request: &PeerDataOperationRequestMessage,
) {
    let answers = lock(&shared.state).user(&asker.0).answers;
    let kind = request.peer_data_operation_request_type;
    let answer = match kind {
        Some(PeerDataOperationRequestType::HISTORY_SYNC_ON_DEMAND) => {
            let asked = request.history_sync_on_demand_request.as_option();
            if answers.history == History::Late
                && let Some(late) =
                    asked.and_then(|asked| history(shared, &asker.0, LATE, asked, History::Garbage))
            {
                send_to_companion(shared, party, asker, &late);
            }
            asked.and_then(|asked| history(shared, &asker.0, id, asked, answers.history))
        }
        Some(PeerDataOperationRequestType::PLACEHOLDER_MESSAGE_RESEND) => {
            resend(shared, &asker.0, id, request, answers.resend)
        }
        _ => {
            tracing::info!(?kind, "a request that the simulator's phones do not answer");
            None
        }
    };
    if let Some(answer) = answer {
        send_to_companion(shared, party, asker, &answer);
    }
}

/// A message that the phone has.
struct Stored {
    id: String,
    from: Number,
    at: u64,
    place: u64,
    message: wa::Message,
}

impl Stored {
    /// The message in the form in which phones pass it on.
    fn web_message(&self, state: &State, own: &Number, chat: &Jid) -> wa::WebMessageInfo {
        let from_me = self.from == *own;
        let in_group = chat.is_group() && !from_me;
        let participant = in_group.then(|| self.from.lid().to_string());
        let author = state.users.get(&self.from).filter(|_| !from_me);
        wa::WebMessageInfo {
            key: MessageField::some(wa::MessageKey {
                remote_jid: Some(chat.to_string()),
                from_me: Some(from_me),
                id: Some(self.id.clone()),
                participant: participant.clone(),
            }),
            message: MessageField::some(self.message.clone()),
            message_timestamp: Some(self.at),
            participant,
            push_name: author.map(|author| author.name.clone()),
            ..Default::default()
        }
    }
}

/// A chat: with a person, or a group by the user part of its JID.
#[derive(PartialEq, Eq)]
enum Chat {
    Person(Number),
    Group(String),
}

impl Chat {
    fn of(state: &State, jid: &Jid) -> Option<Self> {
        match jid.is_group() {
            true => Some(Self::Group(jid.user.to_string())),
            false => state.resolve(jid).map(|(number, _)| Self::Person(number)),
        }
    }
}

/// All messages of a chat, oldest first.
fn messages(state: &State, own: &Number, chat: &Chat) -> Vec<Stored> {
    let Some(user) = state.users.get(own) else {
        return Vec::new();
    };
    let in_chat = |received: &&Received| {
        let jid = received.chat.parse().ok();
        jid.and_then(|jid: Jid| Chat::of(state, &jid)).as_ref() == Some(chat)
    };
    let received = user.inbox.iter().filter(in_chat).filter_map(|received| {
        Some(Stored {
            id: received.id.clone(),
            from: received.from.parse().ok()?,
            at: received.at,
            place: received.place,
            message: received.message.clone(),
        })
    });
    let mut messages: Vec<Stored> = received.collect();
    let to_chat = |sent: &&Sent| match &sent.envelope.to {
        To::User(to, _) => *chat == Chat::Person(to.clone()),
        To::Group(group, _) => *chat == Chat::Group(group.clone()),
        To::Broadcast(..) | To::OwnCompanion => false,
    };
    let sent = user.sent.iter().filter(to_chat);
    messages.extend(sent.map(|sent| Stored {
        id: sent.envelope.id.clone(),
        from: own.clone(),
        at: sent.at,
        place: sent.place,
        message: sent.message.clone(),
    }));
    messages.sort_by_key(|message| message.place);
    messages
}

/// Messages of a chat that are older than the one in the request.
fn history(
    shared: &Shared,
    own: &Number,
    id: &str,
    asked: &HistorySyncOnDemandRequest,
    answer: History,
) -> Option<wa::Message> {
    if answer == History::Silent {
        return None;
    }
    let jid: Jid = asked.chat_jid.as_deref()?.parse().ok()?;
    let mut conversation = conversation(&lock(&shared.state), own, &jid, asked)?;
    match answer {
        History::OtherChat => {
            for message in &mut conversation.messages {
                let key = message.message.get_or_insert_default().key.as_option_mut();
                let chat = Some("15550100098@s.whatsapp.net".to_owned());
                key.into_iter()
                    .for_each(|key| key.remote_jid.clone_from(&chat));
            }
        }
        History::Bomb => conversation.name = Some("a".repeat(BOMB_BYTES)),
        _ => {}
    }
    let history = wa::HistorySync {
        sync_type: wa::history_sync::HistorySyncType::ON_DEMAND,
        conversations: vec![conversation],
        chunk_order: Some(1),
        progress: Some(100),
        ..Default::default()
    };
    match notification(shared, id, &history, answer) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::error!(%error, "history cannot be put on the media host");
            None
        }
    }
}

/// The requested part of a chat, newest message first.
fn conversation(
    state: &State,
    own: &Number,
    jid: &Jid,
    asked: &HistorySyncOnDemandRequest,
) -> Option<wa::Conversation> {
    let chat = Chat::of(state, jid)?;
    let kept = older(messages(state, own, &chat), asked);
    let count = asked.on_demand_msg_count.unwrap_or(0);
    let count = usize::try_from(count).unwrap_or(0).min(MAX_MESSAGES);
    let complete = kept.len() <= count;
    let newest_first = kept.iter().rev().take(count);
    let messages = newest_first.map(|message| wa::HistorySyncMsg {
        message: MessageField::some(message.web_message(state, own, jid)),
        msg_order_id: Some(message.place),
    });
    Some(wa::Conversation {
        id: jid.to_string(),
        messages: messages.collect(),
        end_of_history_transfer: Some(true),
        end_of_history_transfer_type: Some(match complete {
            true => End::COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY,
            false => End::COMPLETE_ON_DEMAND_SYNC_BUT_MORE_MSG_REMAIN_ON_PRIMARY,
        }),
        ..Default::default()
    })
}

/// The messages before the one in the request, or before its time if the phone does not have it.
fn older(mut kept: Vec<Stored>, asked: &HistorySyncOnDemandRequest) -> Vec<Stored> {
    let oldest = asked.oldest_msg_id.as_deref().unwrap_or_default();
    match kept.iter().position(|message| message.id == oldest) {
        Some(place) => kept.truncate(place),
        None => {
            let before = asked.oldest_msg_timestamp_ms.unwrap_or(i64::MAX);
            let before = u64::try_from(before).unwrap_or(0) / 1000;
            kept.retain(|message| message.at <= before);
        }
    }
    kept
}

/// `HISTORY_SYNC_NOTIFICATION`, with the history in it or on the media host.
fn notification(
    shared: &Shared,
    request: &str,
    history: &wa::HistorySync,
    answer: History,
) -> Result<wa::Message, Error> {
    let payload = match answer {
        History::Garbage => b"no history".to_vec(),
        History::Huge => vec![0x5a; HUGE_BYTES],
        _ => deflate::zlib(&codec::history_sync_to_vec(history)),
    };
    let mut notification = HistorySyncNotification {
        sync_type: Some(HistorySyncType::ON_DEMAND),
        chunk_order: Some(1),
        progress: Some(100),
        file_length: u64::try_from(payload.len()).ok(),
        peer_data_request_session_id: Some(request.to_owned()),
        ..Default::default()
    };
    if answer == History::Inline {
        notification.initial_hist_bootstrap_inline_payload = Some(payload);
    } else {
        let mut file = File::default();
        let plain = Plain::Bytes(payload.into());
        media::seal(shared, MediaType::History, plain, &mut file)?;
        notification.direct_path = file.direct_path;
        notification.media_key = file.media_key.map(|key| key.0);
        notification.file_sha256 = file.sha256.map(|hash| hash.0);
        notification.file_enc_sha256 = file.enc_sha256.map(|hash| hash.0);
    }
    Ok(protocol(ProtocolMessage {
        r#type: Some(Type::HISTORY_SYNC_NOTIFICATION),
        history_sync_notification: MessageField::some(notification),
        ..Default::default()
    }))
}

/// The messages that a companion could not decrypt, if the phone has them.
fn resend(
    shared: &Shared,
    own: &Number,
    id: &str,
    request: &PeerDataOperationRequestMessage,
    answer: Resend,
) -> Option<wa::Message> {
    if answer == Resend::Silent {
        return None;
    }
    let asked = request.placeholder_message_resend_request.iter();
    let results = asked.map(|asked| {
        let key = asked.message_key.as_option();
        let key = key.filter(|_| answer == Resend::Message);
        let found = key.and_then(|key| found(&lock(&shared.state), own, key));
        PeerDataOperationResult {
            placeholder_message_resend_response: MessageField::some(
                PlaceholderMessageResendResponse {
                    web_message_info_bytes: found.map(|found| found.encode_to_vec()),
                },
            ),
            ..Default::default()
        }
    });
    let response = PeerDataOperationRequestResponseMessage {
        peer_data_operation_request_type: Some(
            PeerDataOperationRequestType::PLACEHOLDER_MESSAGE_RESEND,
        ),
        stanza_id: Some(id.to_owned()),
        peer_data_operation_result: results.collect(),
    };
    Some(protocol(ProtocolMessage {
        r#type: Some(Type::PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE),
        peer_data_operation_request_response_message: MessageField::some(response),
        ..Default::default()
    }))
}

/// The message with this key. Phones identify the chat by its number, also if the request has the LID.
fn found(state: &State, own: &Number, key: &wa::MessageKey) -> Option<wa::WebMessageInfo> {
    let jid: Jid = key.remote_jid.as_deref()?.parse().ok()?;
    let chat = Chat::of(state, &jid)?;
    let kept = messages(state, own, &chat);
    let id = key.id.as_deref()?;
    let message = kept.iter().find(|message| message.id == id)?;
    let chat = match chat {
        Chat::Person(number) => number.pn(),
        Chat::Group(_) => jid,
    };
    Some(message.web_message(state, own, &chat))
}
