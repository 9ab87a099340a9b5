//! The events that the agent keeps.

use openclaw_proto::v1::watch_events_response::Item;
use openclaw_proto::v1::{
    Event, EventFilter, ListEventsRequest, ListEventsResponse, WatchEventsRequest,
};

use crate::address::Address;
use crate::client;
use crate::failure::{Exit, Failure};

/// A page of events, newest first.
pub(crate) async fn page(
    address: &Address,
    filter: EventFilter,
    page_size: u32,
    page_token: String,
) -> Result<ListEventsResponse, Failure> {
    let mut agent = client::agent(address).await?;
    let call = agent.list_events(ListEventsRequest {
        filter: Some(filter),
        page_size,
        page_token,
    });
    client::answer(address, call).await
}

/// One event, of any chat.
///
/// # Errors
/// The agent does not have it.
pub(crate) async fn event(address: &Address, seq: u64) -> Result<Event, Failure> {
    let Some(after) = seq.checked_sub(1) else {
        return Err(gone(seq));
    };
    let mut agent = client::agent(address).await?;
    let call = agent.watch_events(WatchEventsRequest {
        after: Some(after),
        filter: Some(EventFilter::of_all_chats()),
        ..WatchEventsRequest::default()
    });
    let mut stream = client::answer(address, call).await?;
    let found = async {
        while let Some(response) = stream.message().await? {
            match response.item {
                Some(Item::Event(event)) if event.seq == seq => return Ok(event),
                Some(Item::Event(_)) => break,
                _ => {}
            }
        }
        Err(gone(seq))
    };
    tokio::time::timeout(client::CALL_TIMEOUT, found)
        .await
        .unwrap_or_else(|_| Err(Failure::unreachable("the agent did not answer in time")))
}

fn gone(seq: u64) -> Failure {
    Failure::new(format!(
        "the agent has no event {seq}, or no longer keeps it"
    ))
    .with_exit(Exit::Refused)
    .with_reason("NO_SUCH_EVENT")
    .with_hint("the list of events has those that it keeps")
}
