//! ListEvents: a page of the journal, newest first.

use openclaw_proto::v1 as pb;
use openclaw_types::{Event, Seq};
use prost::Message as _;

use super::convert::{self, ListRequest};
use super::watch::{EVENTS_PER_PAGE, OtherName, Pages, named};

/// How many events one call scans, which bounds the cost of a filter with few matches.
const MAX_EVENTS_SCANNED: u64 = 10_000;

/// The size of a page, except for a single larger event: a response has at most 4 MiB.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

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
    let end = before.map_or(head + 1, |Seq(before)| before.min(head + 1));
    let mut back = Backwards::new(Seq(end), Seq(oldest), MAX_EVENTS_SCANNED);
    let mut bytes = 0;
    while let Some((events, gaps)) = back.next(pages).await {
        gaps.into_iter()
            .rev()
            .for_each(|gap| join(&mut answer.gaps, gap));
        for event in events.into_iter().rev() {
            if !filter.passes(&event.what, other_name) {
                continue;
            }
            let next = event.seq.next();
            let (event, chat_with) = named(event, other_name);
            let event = convert::event(event, chat_with, agent.clone());
            bytes += event.encoded_len();
            let too_large = bytes > MAX_PAGE_BYTES;
            if answer.events.len() == size || too_large && !answer.events.is_empty() {
                answer.next_page_token = convert::page_token(Some(next));
                // Gaps before the start of the next page belong to that page.
                answer.gaps.retain_mut(|gap| {
                    gap.first = gap.first.max(next.0);
                    gap.first <= gap.last
                });
                return answer;
            }
            answer.events.push(event);
        }
    }
    answer.next_page_token = convert::page_token(back.rest());
    answer
}

/// Reads the journal backwards, one window at a time.
pub(super) struct Backwards {
    end: u64,
    oldest: u64,
    stop: u64,
}

impl Backwards {
    /// The last `most` events before `end`, none before `oldest`.
    pub(super) fn new(Seq(end): Seq, Seq(oldest): Seq, most: u64) -> Self {
        let oldest = oldest.max(1);
        Self {
            end,
            oldest,
            stop: end.saturating_sub(most).max(oldest),
        }
    }

    /// The next window: its events, oldest first, and its damaged ranges. `None` at the end.
    pub(super) async fn next(&mut self, pages: &Pages) -> Option<(Vec<Event>, Vec<pb::Gap>)> {
        if self.end <= self.stop {
            return None;
        }
        let begin = self.end.saturating_sub(EVENTS_PER_PAGE as u64);
        let begin = begin.max(self.stop);
        let found = window(pages, begin, self.end).await;
        self.end = begin;
        Some(found)
    }

    /// The event before which the next page begins, if there are more.
    fn rest(&self) -> Option<Seq> {
        (self.end > self.oldest).then_some(Seq(self.end))
    }
}

/// Adds a gap that precedes the known ones, or merges it with the last of them.
fn join(gaps: &mut Vec<pb::Gap>, gap: pb::Gap) {
    match gaps.last_mut() {
        Some(later) if gap.last + 1 == later.first => later.first = gap.first,
        _ => gaps.push(gap),
    }
}

/// The events in `begin..end`, oldest first, and the damaged ranges.
async fn window(pages: &Pages, begin: u64, end: u64) -> (Vec<Event>, Vec<pb::Gap>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(first: u64, last: u64) -> pb::Gap {
        pb::Gap {
            first,
            last,
            damaged: true,
        }
    }

    #[test]
    fn adjacent_gaps_are_merged() {
        let mut gaps = Vec::new();
        for found in [gap(90, 99), gap(64, 89), gap(32, 40), gap(31, 31)] {
            join(&mut gaps, found);
        }
        assert_eq!(gaps, [gap(64, 99), gap(31, 40)]);
    }
}
