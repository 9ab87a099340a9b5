//! ListChats: the chats of the newest events, newest first.

use std::collections::HashSet;

use openclaw_proto::Word as _;
use openclaw_proto::v1 as pb;
use openclaw_state::journal::{Backwards, MAX_EVENTS_SCANNED, Pages};
use openclaw_types::{ChatId, Event, Filter, Seq};

use super::convert::{self, ChatListRequest, ListedChat};
use super::watch::{OtherName, named};

/// The chats whose newest event is before the request's position. `head` and `oldest` are those of the journal; the names of
/// chats are left out.
pub(super) async fn list(
    pages: &Pages,
    (Seq(head), oldest): (Seq, Seq),
    request: ChatListRequest,
    other_name: &OtherName,
) -> (Vec<ListedChat>, pb::ListChatsResponse) {
    let ChatListRequest {
        chat_kinds,
        size,
        position,
    } = request;
    let filter = Filter {
        chat_kinds,
        ..Filter::default()
    };
    let (as_of, before) = position.unwrap_or((Seq(head), Seq(u64::MAX)));
    let end = Seq(as_of.0.min(head)).next();
    // A page repeats the scan of the pages before it: only so it knows which chats were listed there.
    let mut back = Backwards::new(end, oldest, MAX_EVENTS_SCANNED);
    let mut seen = Seen::default();
    let mut chats: Vec<ListedChat> = Vec::new();
    let mut answer = pb::ListChatsResponse::default();
    while let Some(window) = back.next(pages).await {
        for event in window.events.into_iter().rev() {
            let seq = event.seq;
            let passes = filter.passes(&event.what, other_name);
            let Some(chat) = passes.then(|| seen.first(event, other_name)).flatten() else {
                continue;
            };
            if seq >= before {
                continue;
            }
            if let Some(last) = chats.last().filter(|_| chats.len() == size) {
                answer.next_page_token = convert::chats_token(as_of, last.seq);
                return (chats, answer);
            }
            chats.push(chat);
        }
    }
    answer.incomplete = back.rest().is_some();
    (chats, answer)
}

/// The chats of a scan.
#[derive(Default)]
struct Seen {
    /// By the names that events have for them: older ones may have the number of a person whose LID is known by now.
    recorded: HashSet<ChatId>,
    canonical: HashSet<ChatId>,
}

impl Seen {
    /// The chat of the event, if it was not seen before.
    fn first(&mut self, event: Event, other_name: &OtherName) -> Option<ListedChat> {
        if !self.recorded.insert(event.what.chat()?.clone()) {
            return None;
        }
        let (Event { seq, at, what }, with) = named(event, other_name);
        let id = what.chat()?.clone();
        let kind = pb::EventKind::from_word(what.kind().name());
        self.canonical.insert(id.clone()).then(|| ListedChat {
            id,
            with,
            seq,
            at,
            kind: kind.unwrap_or_default(),
        })
    }
}
