//! `events`: lists the agent's events, newest first; and prints events, also for `watch`.

use openclaw_proto::v1::watch_events_response::Item;
use openclaw_proto::v1::{
    Event, EventFilter, Gap, ListEventsRequest, ListEventsResponse, WatchEventsResponse,
};

use crate::address::Address;
use crate::cli::{EventsArgs, FilterArgs};
use crate::failure::{Exit, Failure};
use crate::numbers::chat;
use crate::render::{activity, event};
use crate::{client, clock, console};

/// The largest page in the contract.
const MAX_PAGE_SIZE: u32 = 500;
/// A page may be empty and not the last one: the agent scans 10,000 events for each.
const MAX_PAGES: usize = 1_000;

/// Lists events up to the requested number.
pub(crate) async fn run(address: &Address, args: &EventsArgs, json: bool) -> Result<Exit, Failure> {
    let mut open = OpenGap::default();
    let listed = list(address, args, json, &mut open).await;
    // A gap that was received is printed even if the next page fails.
    open.print(json)?;
    listed
}

async fn list(
    address: &Address,
    args: &EventsArgs,
    json: bool,
    open: &mut OpenGap,
) -> Result<Exit, Failure> {
    let filter = filter(&args.filter)?;
    let mut agent = client::agent(address).await?;
    let mut left = args.limit;
    let mut page_token = String::new();
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
        let gaps = open.join(gaps);
        if !(events.is_empty() && gaps.is_empty()) {
            open.print(json)?;
        }
        for event in events {
            print(&event, json)?;
            left = left.saturating_sub(1);
        }
        for gap in gaps {
            open.print(json)?;
            open.0 = Some(gap);
        }
        if next_page_token.is_empty() || left == 0 {
            return Ok(Exit::Done);
        }
        page_token = next_page_token;
    }
    Err(Failure::new("the agent's list repeats a page")
        .with_reason("ENDLESS_LIST")
        .with_hint("update the agent"))
}

/// The oldest gap of the pages so far: the next page may contain the rest of it.
#[derive(Default)]
struct OpenGap(Option<Gap>);

impl OpenGap {
    /// Merges gaps of the next page that touch it, and returns the others. Both are ordered newest first.
    fn join(&mut self, gaps: Vec<Gap>) -> Vec<Gap> {
        let Some(open) = &mut self.0 else {
            return gaps;
        };
        let mut others = Vec::new();
        for gap in gaps {
            if others.is_empty() && touch(open, &gap) {
                open.first = open.first.min(gap.first);
                open.last = open.last.max(gap.last);
            } else {
                others.push(gap);
            }
        }
        others
    }

    fn print(&mut self, json: bool) -> Result<(), Failure> {
        self.0.take().map_or(Ok(()), |gap| print_gap(gap, json))
    }
}

/// True if two gaps of the same kind overlap or are adjacent.
const fn touch(a: &Gap, b: &Gap) -> bool {
    a.damaged == b.damaged
        && a.first <= b.last.saturating_add(1)
        && b.first <= a.last.saturating_add(1)
}

/// The filter for the agent; `None` without any choice.
///
/// # Errors
/// A chat is invalid.
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

/// Prints an event: one line for a person, or the contract's JSON.
pub(crate) fn print(event: &Event, json: bool) -> Result<(), Failure> {
    if json {
        console::json(event)
    } else {
        console::line(&event::line(event, clock::now()))
    }
}

/// Prints presence or typing: a line for a person, an item of the stream for a program.
pub(crate) fn print_activity(item: Item, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(&WatchEventsResponse { item: Some(item) });
    }
    let line = activity::line(&item, clock::now());
    line.map_or(Ok(()), |line| console::line(&line))
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

#[cfg(test)]
mod tests {
    use super::*;

    const fn gap(first: u64, last: u64) -> Gap {
        Gap {
            first,
            last,
            damaged: true,
        }
    }

    #[test]
    fn gaps_of_two_pages_that_touch_are_one() {
        for (open, next, joined) in [
            (gap(41, 60), gap(30, 40), gap(30, 60)),
            (gap(41, 60), gap(30, 50), gap(30, 60)),
            (gap(41, 60), gap(41, 60), gap(41, 60)),
            (gap(41, 60), gap(50, 50), gap(41, 60)),
        ] {
            let mut open = OpenGap(Some(open));
            assert_eq!(open.join(vec![next, gap(1, 9)]), [gap(1, 9)]);
            assert_eq!(open.0, Some(joined));
        }
    }

    #[test]
    fn gaps_that_do_not_touch_or_are_of_another_kind_stay_apart() {
        let kept = Gap {
            damaged: false,
            ..gap(30, 40)
        };
        for next in [gap(30, 39), kept] {
            let mut open = OpenGap(Some(gap(41, 60)));
            assert_eq!(open.join(vec![next]), [next]);
            assert_eq!(open.0, Some(gap(41, 60)));
        }
        assert_eq!(OpenGap::default().join(vec![gap(1, 9)]), [gap(1, 9)]);
    }
}
