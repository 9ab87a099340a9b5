//! ListEvents: a page of the journal, newest first.

use openclaw_proto::v1 as pb;
use openclaw_state::journal::{Backwards, MAX_EVENTS_SCANNED, Pages};
use openclaw_types::Seq;
use prost::Message as _;

use super::convert::{self, ListRequest};
use super::watch::{OtherName, named};

/// The size of a page of events or messages, except for a single larger one: a response has at most 4 MiB.
pub(super) const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

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
    while let Some(window) = back.next(pages).await {
        for (Seq(first), Seq(last)) in window.damaged.into_iter().rev() {
            let damaged = true;
            let gap = pb::Gap {
                first,
                last,
                damaged,
            };
            join(&mut answer.gaps, gap);
        }
        for event in window.events.into_iter().rev() {
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

/// Adds a gap that precedes the known ones, or merges it with the last of them.
fn join(gaps: &mut Vec<pb::Gap>, gap: pb::Gap) {
    match gaps.last_mut() {
        Some(later) if gap.last + 1 == later.first => later.first = gap.first,
        _ => gaps.push(gap),
    }
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
