//! ListEvents: a page of the journal, newest first.

use openclaw_proto::v1 as pb;

use super::convert::{self, ListRequest};
use super::watch::{EVENTS_PER_PAGE, OtherName, Pages, named};
use crate::model::{Event, Seq};

/// How many events one call looks through: what a filter that little passes costs.
const MAX_EVENTS_SCANNED: u64 = 10_000;

/// The newest events before the request's token that pass its filter. `head` and `oldest` are those of the journal.
pub(super) async fn list(
    pages: &Pages,
    (Seq(head), Seq(oldest)): (Seq, Seq),
    request: ListRequest,
    other_name: &OtherName,
    agent: &pb::AgentIdentity,
) -> pb::ListEventsResponse {
    let ListRequest {
        filter,
        size,
        before,
    } = request;
    let mut answer = pb::ListEventsResponse::default();
    let mut end = before.map_or(head + 1, |Seq(before)| before.min(head + 1));
    let (oldest, mut scanned) = (oldest.max(1), 0);
    while end > oldest && scanned < MAX_EVENTS_SCANNED {
        let window_size = (MAX_EVENTS_SCANNED - scanned).min(EVENTS_PER_PAGE as u64);
        let begin = end.saturating_sub(window_size).max(oldest);
        let (events, gaps) = window(pages, begin, end).await;
        scanned += end - begin;
        answer.gaps.extend(gaps);
        for event in events.into_iter().rev() {
            if answer.events.len() == size {
                let next = event.seq.next();
                answer.next_page_token = convert::page_token(Some(next));
                // What is before the next page's end is for that page.
                answer.gaps.retain_mut(|gap| {
                    gap.first = gap.first.max(next.0);
                    gap.first <= gap.last
                });
                return answer;
            }
            if filter.passes(&event.what, other_name) {
                let (event, chat_with) = named(event, other_name);
                let event = convert::event(event, chat_with, agent.clone());
                answer.events.push(event);
            }
        }
        end = begin;
    }
    answer.next_page_token = convert::page_token((end > oldest).then_some(Seq(end)));
    answer
}

/// The events from `begin` on and before `end`, oldest first, and what of them is damaged.
pub(super) async fn window(pages: &Pages, begin: u64, end: u64) -> (Vec<Event>, Vec<pb::Gap>) {
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    let mut cursor = Seq(begin - 1);
    while cursor.0 + 1 < end {
        let Some(page) = pages.read(cursor).await else {
            break;
        };
        if let Some((Seq(first), Seq(last))) = page.gap.filter(|_| page.damaged) {
            gaps.push(pb::Gap {
                first: first.max(begin),
                last: last.min(end - 1),
                damaged: true,
            });
        }
        events.extend(page.events.into_iter().filter(|event| event.seq.0 < end));
        if page.cursor <= cursor {
            break;
        }
        cursor = page.cursor;
    }
    (events, gaps)
}
