//! `search_messages`: a scan of the newest messages, which is bounded and can be continued.

use std::time::Duration;

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{Event, EventFilter, EventKind};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use super::args::SearchMessages;
use super::read::{invalid, limit};
use super::shown::message::MessageShown;
use super::shown::person::time;
use super::untrusted::MAX_LISTED_CHARS;
use crate::address::Address;
use crate::failure::Failure;
use crate::journal;
use crate::numbers::chat;

/// Messages of one request to the agent.
const PAGE_SIZE: u32 = 200;
/// Messages of one call. With the agent's own limit, at most 250,000 events are read for it.
const MAX_PAGES: usize = 25;
/// After this, no further page is asked for.
const MAX_DURATION: Duration = Duration::from_secs(10);
const MAX_QUERY_CHARS: usize = 200;

/// What was found, and how far the search came.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Found {
    /// Newest first.
    messages: Vec<MessageShown>,
    /// How many messages were looked at, in this call.
    searched: usize,
    /// The oldest message that was looked at.
    oldest_seq: Option<u64>,
    /// When it was recorded.
    oldest_at: Option<String>,
    /// True if no older messages are kept: everything was searched.
    complete: bool,
    /// Continues the search with older messages; null if it is complete.
    next_cursor: Option<String>,
}

/// Where a search continues: in the page of this token, with the events before `before`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Position {
    before: Option<u64>,
    page_token: String,
}

impl Position {
    /// `SEQ:TOKEN`; 0 is no seq.
    fn parse(cursor: &str) -> Option<Self> {
        let (before, page_token) = cursor.split_once(':')?;
        let before: u64 = before.parse().ok()?;
        Some(Self {
            before: (before != 0).then_some(before),
            page_token: page_token.to_owned(),
        })
    }

    fn cursor(&self) -> String {
        format!("{}:{}", self.before.unwrap_or(0), self.page_token)
    }
}

/// A search, checked.
struct Search {
    /// In lower case.
    query: String,
    filter: EventFilter,
    wanted: usize,
    at: Position,
}

impl TryFrom<&SearchMessages> for Search {
    type Error = Failure;

    fn try_from(args: &SearchMessages) -> Result<Self, Failure> {
        let query = args.query.trim().to_lowercase();
        if query.is_empty() || query.chars().count() > MAX_QUERY_CHARS {
            return Err(invalid("query: give 1 to 200 characters"));
        }
        let at = match &args.cursor {
            None => Position::default(),
            Some(cursor) => {
                Position::parse(cursor).ok_or_else(|| invalid("cursor: not one of ours"))?
            }
        };
        let given = args.chat.iter().map(|given| chat("chat", given));
        Ok(Self {
            query,
            filter: EventFilter {
                kinds: vec![EventKind::Message.into(), EventKind::Edit.into()],
                chats: given.collect::<Result<_, _>>()?,
                ..EventFilter::default()
            },
            wanted: usize::try_from(limit(args.limit, 20, 50)).unwrap_or(1),
            at,
        })
    }
}

pub(super) async fn run(address: &Address, args: &SearchMessages) -> Result<Found, Failure> {
    let Search {
        query,
        filter,
        wanted,
        mut at,
    } = Search::try_from(args)?;
    let mut found = Found::default();
    let begun = Instant::now();
    for _ in 0..MAX_PAGES {
        let page = journal::page(address, filter.clone(), PAGE_SIZE, at.page_token.clone()).await?;
        for event in &page.events {
            if at.before.is_some_and(|before| event.seq >= before) {
                continue;
            }
            found.look_at(event, &query);
            if found.messages.len() >= wanted {
                at.before = Some(event.seq);
                found.next_cursor = Some(at.cursor());
                return Ok(found);
            }
        }
        if page.next_page_token.is_empty() {
            found.complete = true;
            return Ok(found);
        }
        at.page_token = page.next_page_token;
        if begun.elapsed() > MAX_DURATION {
            break;
        }
    }
    found.next_cursor = Some(at.cursor());
    Ok(found)
}

impl Found {
    fn look_at(&mut self, event: &Event, query: &str) {
        self.searched += 1;
        self.oldest_seq = Some(event.seq);
        self.oldest_at = time(event.recorded_at);
        if text(event).to_lowercase().contains(query) {
            self.messages
                .push(MessageShown::new(event, MAX_LISTED_CHARS));
        }
    }
}

fn text(event: &Event) -> &str {
    match &event.kind {
        Some(Kind::Message(message)) => message.text(),
        Some(Kind::Edit(edit)) => edit.text(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for (before, page_token) in [(None, ""), (Some(7), "1:2"), (Some(u64::MAX), "")] {
            let page_token = page_token.to_owned();
            let position = Position { before, page_token };
            assert_eq!(Position::parse(&position.cursor()), Some(position));
        }
        for wrong in ["", "7", "a:b", "-1:"] {
            assert_eq!(Position::parse(wrong), None, "{wrong}");
        }
    }
}
