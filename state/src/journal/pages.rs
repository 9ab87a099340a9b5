//! One reader reads events for all streams and searches, a page at a time, and yields between pages. So a short call on the
//! same thread waits for at most a page or two, even if many streams start at the oldest event.
//!
//! The reader is its own task, and a stream holds no lock while it waits: a client that stops reading in the middle of
//! a page blocks no other client.

use std::sync::Arc;

use openclaw_types::{Event, Seq};
use tokio::sync::{mpsc, oneshot};

use super::{Journal, Page};

/// Events per page. Bounds the memory that a stalled client costs.
pub const EVENTS_PER_PAGE: usize = 32;
/// The maximum number of queued page requests; further streams wait for a slot, in order.
const MAX_QUEUED_REQUESTS: usize = 16;

/// Requests pages. Clones share one reader.
#[derive(Clone, Debug)]
pub struct Pages {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    after: Seq,
    reply: oneshot::Sender<Page>,
}

impl Pages {
    /// The handle, and the reader to spawn, which ends when the last handle is dropped.
    pub fn of(journal: Arc<Journal>) -> (Self, impl Future<Output = ()> + Send) {
        let (requests, mut queue) = mpsc::channel::<Request>(MAX_QUEUED_REQUESTS);
        let reading = async move {
            while let Some(Request { after, reply }) = queue.recv().await {
                if reply.is_closed() {
                    continue;
                }
                let page = journal.read(after, EVENTS_PER_PAGE);
                // Fails if the stream has ended meanwhile.
                let _ = reply.send(page);
                tokio::task::yield_now().await;
            }
        };
        (Self { requests }, reading)
    }

    /// The page after `after`; `None` if the reader has ended.
    pub async fn read(&self, after: Seq) -> Option<Page> {
        let (reply, page) = oneshot::channel();
        self.requests.send(Request { after, reply }).await.ok()?;
        page.await.ok()
    }

    /// True if any of the newest `most` events passes. The first argument is the range of the journal: head and oldest event.
    pub async fn any_of_newest(
        &self,
        (head, oldest): (Seq, Seq),
        most: u64,
        passes: impl Fn(&Event) -> bool,
    ) -> bool {
        let mut back = Backwards::new(head.next(), oldest, most);
        while let Some(window) = back.next(self).await {
            if window.events.iter().any(&passes) {
                return true;
            }
        }
        false
    }
}

/// Consecutive events of the journal.
#[derive(Debug)]
pub struct Window {
    /// Its events, oldest first.
    pub events: Vec<Event>,
    /// Its damaged ranges, oldest first.
    pub damaged: Vec<(Seq, Seq)>,
}

/// How many events one call of a client scans, which bounds the cost of a filter with few matches.
pub const MAX_EVENTS_SCANNED: u64 = 10_000;

/// Reads the journal backwards, one window at a time.
#[derive(Debug)]
pub struct Backwards {
    end: u64,
    oldest: u64,
    stop: u64,
}

impl Backwards {
    /// Reads the last `most` events before `end`, but none before `oldest`.
    #[must_use]
    pub fn new(Seq(end): Seq, Seq(oldest): Seq, most: u64) -> Self {
        let oldest = oldest.max(1);
        Self {
            end,
            oldest,
            stop: end.saturating_sub(most).max(oldest),
        }
    }

    /// The next window, of older events; `None` at the end.
    pub async fn next(&mut self, pages: &Pages) -> Option<Window> {
        if self.end <= self.stop {
            return None;
        }
        let begin = self.end.saturating_sub(EVENTS_PER_PAGE as u64);
        let begin = begin.max(self.stop);
        let found = window(pages, begin, self.end).await;
        self.end = begin;
        Some(found)
    }

    /// The end of the next page, exclusive, if there are older events.
    #[must_use]
    pub fn rest(&self) -> Option<Seq> {
        (self.end > self.oldest).then_some(Seq(self.end))
    }
}

/// The events in `begin..end`.
async fn window(pages: &Pages, begin: u64, end: u64) -> Window {
    let (mut events, mut damaged) = (Vec::new(), Vec::new());
    let mut cursor = Seq(begin - 1);
    while cursor.0 + 1 < end {
        let Some(page) = pages.read(cursor).await else {
            break;
        };
        if let Some((Seq(first), Seq(last))) = page.gap.filter(|_| page.damaged) {
            damaged.push((Seq(first.max(begin)), Seq(last.min(end - 1))));
        }
        events.extend(page.events.into_iter().filter(|event| event.seq.0 < end));
        if page.cursor <= cursor {
            break;
        }
        cursor = page.cursor;
    }
    Window { events, damaged }
}
