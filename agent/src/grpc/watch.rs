//! One WatchEvents stream: a cursor over the journal, woken by its head.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use openclaw_proto::v1 as pb;
use tokio::sync::watch;
use tonic::Status;

use super::convert;
use crate::journal::Journal;
use crate::model::{Event, KindSet, Seq};

/// Events read at once: what a stalled client costs.
const PAGE: usize = 32;
/// A stream is never quiet for longer.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// A cursor and what it has read ahead.
pub(super) struct Watch {
    journal: Arc<Journal>,
    head: watch::Receiver<Seq>,
    cursor: Seq,
    kinds: KindSet,
    follow: bool,
    greeted: bool,
    ahead: VecDeque<Event>,
}

impl Watch {
    pub(super) fn new(
        journal: Arc<Journal>,
        request: pb::WatchEventsRequest,
    ) -> Result<Self, Status> {
        let pb::WatchEventsRequest {
            after,
            follow,
            kinds,
        } = request;
        let kinds = convert::kinds(kinds)?;
        let head = journal.subscribe();
        let cursor = after.map_or_else(|| *head.borrow(), Seq);
        Ok(Self {
            journal,
            head,
            cursor,
            kinds,
            follow,
            greeted: false,
            ahead: VecDeque::new(),
        })
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = pb::WatchEventsResponse> {
        futures::stream::unfold(self, |mut watch| async move {
            let item = watch.next().await?;
            Some((pb::WatchEventsResponse { item: Some(item) }, watch))
        })
    }

    async fn next(&mut self) -> Option<pb::watch_events_response::Item> {
        use pb::watch_events_response::Item;
        loop {
            if let Some(event) = self.ahead.pop_front() {
                return Some(Item::Event(convert::event(event)));
            }
            // Marked as seen before it is read: an append in between wakes the next wait.
            let head = *self.head.borrow_and_update();
            let page = self.journal.read(self.cursor, PAGE);
            let moved = page.cursor != self.cursor;
            self.cursor = page.cursor;
            self.ahead.extend(
                page.events
                    .into_iter()
                    .filter(|event| self.kinds.contains(event.what.kind())),
            );
            if let Some((Seq(from), Seq(to))) = page.gap {
                return Some(Item::Gap(pb::Gap { from, to }));
            }
            if moved {
                continue;
            }
            if !self.follow {
                return None;
            }
            if !std::mem::replace(&mut self.greeted, true) {
                return Some(Item::Heartbeat(pb::Heartbeat { head: head.0 }));
            }
            match tokio::time::timeout(HEARTBEAT, self.head.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return Some(Item::Heartbeat(pb::Heartbeat { head: head.0 })),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use futures::StreamExt as _;
    use pb::watch_events_response::Item;

    use super::*;
    use crate::journal::Limits;
    use crate::model::{Link, LinkState, Occurrence};
    use crate::vault::trial::Volume;

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
            };
            journal.append(Occurrence::Link(Box::new(link)), since);
        }
        journal.flush().await;
    }

    fn watch(journal: &Arc<Journal>, after: Option<u64>, follow: bool) -> Watch {
        let request = pb::WatchEventsRequest {
            after,
            follow,
            kinds: vec![],
        };
        Watch::new(journal.clone(), request).unwrap()
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
    async fn a_gap_is_told_before_the_events_after_it() {
        let volume = Volume::new();
        let journal = journal(&volume, 6);
        append(&journal, 5).await;
        let got = items(watch(&journal, Some(2), false)).await;
        assert_eq!(got[0], Item::Gap(pb::Gap { from: 3, to: 5 }));
        assert_eq!(seqs(&got), [6, 7, 8, 9, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_beats_every_thirty_seconds() {
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
    async fn a_slow_client_loses_nothing_that_is_kept() {
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
}
