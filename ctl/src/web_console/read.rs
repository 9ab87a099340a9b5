//! What the page lists.

use openclaw_proto::Word;
use openclaw_proto::v1::{
    EventFilter, EventKind, ListAlertsRequest, ListAlertsResponse, ListAllowedRequest,
    ListAllowedResponse, ListChatsRequest, ListEventsResponse, ListQueueRequest, StatusRequest,
};
use serde_json::{Value, json};

use super::query::Query;
use super::shown;
use crate::address::Address;
use crate::failure::Failure;
use crate::numbers::chat;
use crate::{client, journal};

/// So many chats, or entries of another list, at once.
const PAGE_SIZE: u32 = 50;
/// A page of events may have texts of 64 KiB.
const EVENTS_PAGE_SIZE: u32 = 50;

/// What a chat has: messages, what happened to them, and what the agent has sent.
const CHAT_KINDS: [EventKind; 9] = [
    EventKind::Message,
    EventKind::Edit,
    EventKind::Deletion,
    EventKind::Reaction,
    EventKind::Outcome,
    EventKind::Undecryptable,
    EventKind::Lost,
    EventKind::GroupChange,
    EventKind::Call,
];

pub(super) async fn status(address: &Address) -> Result<Value, Failure> {
    let mut agent = client::agent(address).await?;
    let status = client::answer(address, agent.status(StatusRequest {})).await?;
    Ok(shown::plain(&status))
}

pub(super) async fn chats(address: &Address, query: &Query<'_>) -> Result<Value, Failure> {
    let request = ListChatsRequest {
        page_size: PAGE_SIZE,
        page_token: query.text("page")?,
        chat_kinds: Vec::new(),
    };
    let mut chats = client::chats(address).await?;
    let page = client::answer(address, chats.list_chats(request)).await?;
    let shown: Vec<Value> = page.chats.iter().map(shown::chat).collect();
    Ok(json!({
        "chats": shown,
        "next": page.next_page_token,
        "incomplete": page.incomplete,
    }))
}

/// The messages of one chat, newest first.
pub(super) async fn messages(address: &Address, query: &Query<'_>) -> Result<Value, Failure> {
    let filter = EventFilter {
        kinds: CHAT_KINDS.iter().map(|kind| i32::from(*kind)).collect(),
        chats: vec![chat("chat", &query.text("chat")?)?],
        chat_kinds: Vec::new(),
    };
    events_page(address, filter, query).await
}

/// All events, or those of some kinds, newest first.
pub(super) async fn events(address: &Address, query: &Query<'_>) -> Result<Value, Failure> {
    let filter = EventFilter {
        kinds: values::<EventKind>(&query.list("kinds")?)?,
        ..EventFilter::of_all_chats()
    };
    events_page(address, filter, query).await
}

async fn events_page(
    address: &Address,
    filter: EventFilter,
    query: &Query<'_>,
) -> Result<Value, Failure> {
    let page = journal::page(address, filter, EVENTS_PAGE_SIZE, query.text("page")?).await?;
    let ListEventsResponse {
        events,
        next_page_token,
        gaps,
    } = page;
    let shown: Vec<Value> = events.iter().map(shown::event).collect();
    Ok(json!({"events": shown, "next": next_page_token, "gaps": gaps}))
}

/// The kinds of events that the page may choose from.
pub(super) fn kinds() -> Value {
    let kinds = EventKind::ALL.iter().map(|kind| kind.word());
    json!(kinds.collect::<Vec<_>>())
}

fn values<T: Word + Into<i32>>(words: &[String]) -> Result<Vec<i32>, Failure> {
    let values = words.iter().map(|word| T::from_word(word).map(T::into));
    let values: Option<Vec<i32>> = values.collect();
    values.ok_or_else(|| Failure::usage("there is no such kind").with_hint("reload the page"))
}

pub(super) async fn outbox(address: &Address, query: &Query<'_>) -> Result<Value, Failure> {
    let request = ListQueueRequest {
        page_size: PAGE_SIZE,
        page_token: query.text("page")?,
    };
    let mut agent = client::agent(address).await?;
    let page = client::answer(address, agent.list_queue(request)).await?;
    Ok(json!({
        "messages": shown::plain(&page.messages),
        "next": page.next_page_token,
        "total": page.total_size,
    }))
}

pub(super) async fn allowed(address: &Address, query: &Query<'_>) -> Result<Value, Failure> {
    let request = ListAllowedRequest {
        page_size: PAGE_SIZE,
        page_token: query.text("page")?,
    };
    let mut access = client::access(address).await?;
    let page = client::answer(address, access.list_allowed(request)).await?;
    let ListAllowedResponse {
        rules,
        allowed,
        next_page_token,
        total_size,
    } = page;
    let line = rules.as_ref().map(crate::render::rules::line);
    let shown: Vec<Value> = allowed.iter().map(shown::allowed).collect();
    Ok(json!({
        "rules": shown::plain(&rules),
        "line": line,
        "allowed": shown,
        "next": next_page_token,
        "total": total_size,
    }))
}

/// All: the agent keeps fewer than 100.
pub(super) async fn alerts(address: &Address) -> Result<Value, Failure> {
    let mut alerts = client::alerts(address).await?;
    let request = ListAlertsRequest::default();
    let page = client::answer(address, alerts.list_alerts(request)).await?;
    let ListAlertsResponse {
        mut alerts, status, ..
    } = page;
    alerts.reverse();
    Ok(json!({"alerts": shown::plain(&alerts), "status": shown::plain(&status)}))
}
