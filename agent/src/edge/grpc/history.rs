//! FetchHistory: the messages as events have them, without a seq.

use openclaw_proto::v1 as pb;
use openclaw_types::{Event, EventData, Message, Seq};

use super::agent::with_chat_name;
use super::convert;
use super::watch::{OtherName, named};
use crate::link::{Agent, OlderMessages};

/// The response.
pub(super) fn older_messages(older: OlderMessages, agent: &Agent) -> pb::FetchHistoryResponse {
    let OlderMessages {
        messages,
        more,
        not_allowed,
        left_out,
    } = older;
    let store = agent.clone();
    let other_name: OtherName = Box::new(move |jid: &str| store.other_name(jid));
    let messages = messages.into_iter();
    let messages = messages.filter_map(|message| of_history(message, agent, &other_name));
    pb::FetchHistoryResponse {
        messages: messages.collect(),
        more,
        not_allowed: convert::count(not_allowed),
        left_out: convert::count(left_out),
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
