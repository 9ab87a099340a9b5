//! `events`: what the agent keeps, newest first; and events as `watch` prints them too.

use openclaw_proto::v1::watch_events_response::Item;
use openclaw_proto::v1::{
    Event, EventFilter, Gap, ListEventsRequest, ListEventsResponse, WatchEventsResponse,
};

use crate::address::Address;
use crate::cli::{EventsArgs, FilterArgs};
use crate::failure::{Exit, Failure};
use crate::numbers::chat;
use crate::render::event;
use crate::{client, clock, console};

/// The contract's largest page.
const MAX_PAGE_SIZE: u32 = 500;
/// A page may be empty and not the last one: the agent looks through 10,000 events for each.
const MAX_PAGES: usize = 1_000;

/// Lists events until there are as many as were asked for.
pub(crate) async fn run(address: &Address, args: &EventsArgs, json: bool) -> Result<Exit, Failure> {
    let filter = filter(&args.filter)?;
    let mut agent = client::agent(address).await?;
    let mut left = args.limit;
    let mut page_token = String::new();
    let mut reported = None;
    for _ in 0..MAX_PAGES {
        let request = ListEventsRequest {
            filter: filter.clone(),
            page_size: left.min(MAX_PAGE_SIZE),
            page_token,
        };
        let ListEventsResponse {
            events,
            next_page_token,
            gaps,
        } = client::answer(address, agent.list_events(request)).await?;
        for event in events {
            print(&event, json)?;
            left = left.saturating_sub(1);
        }
        for gap in gaps {
            // One that reaches over the end of a page is in the next one too.
            if reported.replace((gap.first, gap.last)) != Some((gap.first, gap.last)) {
                print_gap(gap, json)?;
            }
        }
        if next_page_token.is_empty() || left == 0 {
            return Ok(Exit::Done);
        }
        page_token = next_page_token;
    }
    Err(Failure::new("the agent's list does not end").with_reason("ENDLESS_LIST"))
}

/// Which events, as the agent takes it; `None` when nothing was chosen.
///
/// # Errors
/// A chat that is none.
pub(crate) fn filter(args: &FilterArgs) -> Result<Option<EventFilter>, Failure> {
    let chats = args.chats.iter().map(|given| chat("--chat", given));
    let filter = EventFilter {
        kinds: args.kinds.iter().map(|kind| i32::from(*kind)).collect(),
        chats: chats.collect::<Result<_, _>>()?,
        chat_kinds: args
            .chat_kinds
            .iter()
            .map(|kind| i32::from(*kind))
            .collect(),
    };
    Ok(Some(filter).filter(|filter| *filter != EventFilter::default()))
}

/// Prints an event: a line for a person, or the contract's JSON.
pub(crate) fn print(event: &Event, json: bool) -> Result<(), Failure> {
    if json {
        console::json(event)
    } else {
        console::line(&event::line(event, clock::now()))
    }
}

/// Reports missing events: on stderr for a person, as an item of the stream for a program.
pub(crate) fn print_gap(gap: Gap, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(&WatchEventsResponse {
            item: Some(Item::Gap(gap)),
        });
    }
    console::note(&format!("gap: {}", event::gap(&gap)));
    Ok(())
}
