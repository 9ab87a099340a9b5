//! FetchHistory: the messages as events have them, without a seq.

use openclaw_proto::v1 as pb;
use openclaw_types::{Event, EventData, Message, Seq};
use openclaw_whatsapp::session::HistoryPosition;
use prost::Message as _;

use super::agent::with_chat_name;
use super::convert;
use super::list::MAX_PAGE_BYTES;
use super::watch::{OtherName, named};
use crate::link::{Agent, OlderMessages};

/// The response. Messages that have no room in it are on the next page.
pub(super) fn older_messages(older: OlderMessages, agent: &Agent) -> pb::FetchHistoryResponse {
    let OlderMessages {
        messages,
        more,
        next,
        not_allowed,
        left_out,
    } = older;
    let store = agent.clone();
    let other_name: OtherName = Box::new(move |jid: &str| store.other_name(jid));
    let mut page = pb::FetchHistoryResponse {
        more,
        not_allowed: convert::count(not_allowed),
        left_out: convert::count(left_out),
        ..Default::default()
    };
    let mut next = next.filter(|_| more);
    let (mut bytes, mut last) = (0, None);
    for message in messages {
        let here = (message.origin.chat.clone(), position(&message));
        let Some(message) = of_history(message, agent, &other_name) else {
            continue;
        };
        bytes += message.encoded_len();
        if bytes > MAX_PAGE_BYTES && last.is_some() {
            (page.more, next) = (true, last);
            break;
        }
        page.messages.push(message);
        last = Some(here);
    }
    if let Some((chat, position)) = next {
        page.next_sent_at = Some(position.sent_at.into());
        page.next_before = Some(convert::history_key(&chat, position));
    }
    page
}

fn position(message: &Message) -> HistoryPosition {
    let origin = &message.origin;
    HistoryPosition {
        id: origin.id.clone(),
        sender: (!origin.from_me).then(|| origin.sender.clone()),
        sent_at: origin.sent_at,
    }
}

fn of_history(
    message: Message,
    agent: &Agent,
    other_name: &OtherName,
) -> Option<pb::HistoryMessage> {
    // An event that no journal has.
    let event = Event {
        seq: Seq(0),
        at: message.origin.sent_at,
        what: EventData::Message(Box::new(message)),
    };
    let (event, chat_with) = named(event, other_name);
    let mut event = convert::event(event, chat_with, pb::AgentIdentity::default());
    with_chat_name(agent, &mut event);
    match event.kind {
        Some(pb::event::Kind::Message(message)) => Some(pb::HistoryMessage {
            message: Some(message),
            chat_with: event.chat_with,
        }),
        _ => None,
    }
}
