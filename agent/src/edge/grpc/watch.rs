//! One WatchEvents stream: a cursor in the journal, woken when the head moves.

use std::collections::VecDeque;
use std::time::Duration;

use futures::Stream;
use openclaw_proto::v1 as pb;
use openclaw_state::journal::{Journal, Pages};
use openclaw_types::{Activity, ChatId, Contact, Event, Filter, Lid, Phone, Seq};
use tokio::sync::watch;
use tokio::time::Instant;

use super::convert::{self, WatchRequest};
use crate::link::Followed;

/// The longest time between two items of a stream.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// Finds a person's other JID: see [`Filter::passes`].
pub(super) type OtherName = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Finds the LID of a number, if it is known.
type LidOf = Box<dyn Fn(&Phone) -> Option<Lid> + Send + Sync>;

/// A cursor and the events that it has read ahead.
pub(super) struct Watch {
    pages: Pages,
    head: watch::Receiver<Seq>,
    cursor: Seq,
    filter: Filter,
    other_name: OtherName,
    agent: pb::AgentIdentity,
    /// Phone numbers in the filter whose LID is not known yet. Two spellings of a number can belong to one person; the
    /// LID shows that.
    named: Vec<Phone>,
    lid_of: LidOf,
    follow: bool,
    /// Whose presence and typing is streamed, if anyone's.
    followed: Option<Followed>,
    greeted: bool,
    ahead: VecDeque<(Event, Option<Contact>)>,
    /// When the last item was sent.
    last_item_at: Instant,
}

impl Watch {
    /// Without `after`, it begins with the next event. The caller handles the consumer.
    pub(super) fn new(
        journal: &Journal,
        pages: Pages,
        request: WatchRequest,
        other_name: OtherName,
        agent: pb::AgentIdentity,
        (named, lid_of): (Vec<Phone>, LidOf),
    ) -> Self {
        let WatchRequest {
            after,
            follow,
            filter,
            consumer: _,
            followed: _,
        } = request;
        let head = journal.subscribe();
        let cursor = after.unwrap_or_else(|| *head.borrow());
        Self {
            pages,
            head,
            cursor,
            filter,
            other_name,
            agent,
            named,
            lid_of,
            follow,
            followed: None,
            greeted: false,
            ahead: VecDeque::new(),
            last_item_at: Instant::now(),
        }
    }

    /// The same, with what these people do.
    pub(super) fn with(self, followed: Option<Followed>) -> Self {
        Self { followed, ..self }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = pb::WatchEventsResponse> {
        futures::stream::unfold(self, |mut watch| async move {
            let item = watch.next().await?;
            watch.last_item_at = Instant::now();
            Some((pb::WatchEventsResponse { item: Some(item) }, watch))
        })
    }

    async fn next(&mut self) -> Option<pb::watch_events_response::Item> {
        use pb::watch_events_response::Item;
        loop {
            if let Some((event, chat_with)) = self.ahead.pop_front() {
                let event = convert::event(event, chat_with, self.agent.clone());
                return Some(Item::Event(event));
            }
            // Marked as seen before the read: an append in between wakes the next wait.
            let head = *self.head.borrow_and_update();
            let page = self.pages.read(self.cursor).await?;
            let numbers = std::mem::take(&mut self.named);
            self.named = self.filter.name_by_lid(numbers, &self.lid_of);
            let moved = page.cursor != self.cursor;
            self.cursor = page.cursor;
            let passing = page
                .events
                .into_iter()
                .filter(|event| self.filter.passes(&event.what, &self.other_name));
            let named = passing.map(|event| named(event, &self.other_name));
            self.ahead.extend(named);
            if let Some((Seq(first), Seq(last))) = page.gap {
                let damaged = page.damaged;
                return Some(Item::Gap(pb::Gap {
                    first,
                    last,
                    damaged,
                }));
            }
            let beat = self.last_item_at + HEARTBEAT_INTERVAL;
            if moved {
                if self.follow && self.ahead.is_empty() && Instant::now() >= beat {
                    // No event has passed the filter for a while.
                    return Some(Item::Heartbeat(pb::Heartbeat {
                        head: self.cursor.0,
                    }));
                }
                continue;
            }
            if !self.follow {
                return None;
            }
            if !std::mem::replace(&mut self.greeted, true) {
                return Some(Item::Heartbeat(pb::Heartbeat { head: head.0 }));
            }
            tokio::select! {
                changed = self.head.changed() => if changed.is_err() { return None },
                activity = next_activity(&mut self.followed) => {
                    return Some(convert::activity(activity));
                }
                () = tokio::time::sleep_until(beat) => {
                    return Some(Item::Heartbeat(pb::Heartbeat { head: head.0 }));
                }
            }
        }
    }
}

async fn next_activity(followed: &mut Option<Followed>) -> Activity {
    match followed {
        Some(followed) => followed.next().await,
        None => std::future::pending().await,
    }
}

/// The event with the canonical name of its chat, and the people in it: it may have been recorded before a person's LID
/// was known.
pub(super) fn named(mut event: Event, other_name: &OtherName) -> (Event, Option<Contact>) {
    let what = &mut event.what;
    let chat = what.chat().filter(|chat| chat.is_person()).cloned();
    let Some(chat) = chat else {
        return (event, None);
    };
    let mut with = Contact::of_jid(chat.jid());
    let other = what.other_side().cloned().unwrap_or_default();
    let looked_up = || Contact::of_jid(&other_name(chat.jid()).unwrap_or_default());
    let known = (other.phone.is_some() && other.lid.is_some()).then_some(other);
    let Contact { phone, lid } = known.unwrap_or_else(looked_up);
    with.phone = with.phone.or(phone);
    with.lid = with.lid.or(lid);
    if let Some(lid) = &with.lid {
        what.rename_chat(ChatId::new(lid.jid()));
    }
    (event, Some(with))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use futures::StreamExt as _;
    use openclaw_state::journal::Limits;
    use openclaw_state::vault::trial::Volume;
    use openclaw_types::{EventData, Kind, KindSet, Link, LinkState};
    use pb::watch_events_response::Item;

    use super::*;

    /// A journal whose first event gets this seq.
    fn journal(volume: &Volume, first: u64) -> Arc<Journal> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(first);
        let journal = Journal::open(volume.vault.clone(), Limits::default(), now);
        Arc::new(journal)
    }

    async fn append(journal: &Journal, count: usize) {
        for _ in 0..count {
            let (state, since) = (LinkState::Unlinked, SystemTime::UNIX_EPOCH);
            let link = Link {
                state,
                since,
                account: None,
                reason: None,
                code: None,
                expires_at: None,
                restriction: None,
            };
            journal.append(EventData::Link(Box::new(link)), since);
        }
        journal.flush().await;
    }

    fn request(after: Option<u64>, follow: bool) -> WatchRequest {
        WatchRequest {
            after: after.map(Seq),
            follow,
            filter: Filter::default(),
            consumer: None,
            followed: Vec::new(),
        }
    }

    fn watch_with(journal: &Arc<Journal>, request: WatchRequest) -> Watch {
        let (pages, reading) = Pages::of(journal.clone());
        tokio::spawn(reading);
        let numbers = (Vec::new(), Box::new(|_: &Phone| None) as LidOf);
        let agent = pb::AgentIdentity::default();
        Watch::new(journal, pages, request, Box::new(|_| None), agent, numbers)
    }

    fn watch(journal: &Arc<Journal>, after: Option<u64>, follow: bool) -> Watch {
        watch_with(journal, request(after, follow))
    }

    async fn items(watch: Watch) -> Vec<Item> {
        watch
            .into_stream()
            .filter_map(|frame| async { frame.item })
            .collect()
            .await
    }

    fn seqs(items: &[Item]) -> Vec<u64> {
        items
            .iter()
            .filter_map(|item| match item {
                Item::Event(event) => Some(event.seq),
                _ => None,
            })
            .collect()
    }

    #[tokio::test]
    async fn a_stream_that_does_not_follow_ends_at_the_head() {
        let volume = Volume::new();
        let journal = journal(&volume, 1);
        append(&journal, 100).await;
        let got = items(watch(&journal, Some(0), false)).await;
        assert_eq!(seqs(&got), (1..=100).collect::<Vec<_>>());
        assert!(
            items(watch(&journal, None, false)).await.is_empty(),
            "absent means from now on"
        );
    }

    #[tokio::test]
    async fn a_gap_is_sent_before_the_events_after_it() {
        let volume = Volume::new();
        let journal = journal(&volume, 6);
        append(&journal, 5).await;
        let got = items(watch(&journal, Some(2), false)).await;
        assert_eq!(
            got[0],
            Item::Gap(pb::Gap {
                first: 3,
                last: 5,
                damaged: false
            })
        );
        assert_eq!(seqs(&got), [6, 7, 8, 9, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_stream_sends_a_heartbeat_every_thirty_seconds() {
        let volume = Volume::new();
        let journal = journal(&volume, 1);
        append(&journal, 1).await;
        let stream = watch(&journal, Some(1), true).into_stream();
        let mut stream = std::pin::pin!(stream);
        for _ in 0..3 {
            let item = stream.next().await.unwrap().item.unwrap();
            assert_eq!(item, Item::Heartbeat(pb::Heartbeat { head: 1 }));
        }
        append(&journal, 1).await;
        let item = stream.next().await.unwrap().item.unwrap();
        assert!(matches!(item, Item::Event(event) if event.seq == 2));
    }

    #[tokio::test]
    async fn a_slow_client_loses_no_kept_event() {
        let volume = Volume::new();
        let journal = journal(&volume, 1);
        let stream = watch(&journal, Some(0), false).into_stream();
        let mut stream = std::pin::pin!(stream);
        append(&journal, 50).await;
        let mut got = vec![stream.next().await.unwrap().item.unwrap()];
        append(&journal, 500).await;
        while let Some(frame) = stream.next().await {
            got.extend(frame.item);
        }
        assert_eq!(seqs(&got), (1..=550).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_matches_sends_heartbeats() {
        let volume = Volume::new();
        let journal = journal(&volume, 1);
        let mut request = request(Some(0), true);
        request.filter.kinds = KindSet::of([Kind::Message]);
        let watch = watch_with(&journal, request);
        let mut stream = std::pin::pin!(watch.into_stream());
        stream.next().await.unwrap();
        append(&journal, 1).await;
        tokio::time::advance(HEARTBEAT_INTERVAL - Duration::from_secs(1)).await;
        let nothing = tokio::time::timeout(Duration::from_millis(1), stream.next()).await;
        assert!(nothing.is_err());
        append(&journal, 1).await;
        tokio::time::advance(Duration::from_secs(2)).await;
        let beat = tokio::time::timeout(Duration::from_millis(1), stream.next()).await;
        let beat = beat.ok().flatten().unwrap();
        assert!(matches!(beat.item, Some(Item::Heartbeat(_))), "{beat:?}");
    }
}
