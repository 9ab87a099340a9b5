//! One reader reads events a page at a time for all streams, and yields between pages: however many streams start at
//! the oldest event, a short call on the same thread waits for a page or two at most.
//!
//! The reader is its own task, and a stream holds no lock while it waits: a client that stops reading in the middle of
//! a page blocks no other client.

use std::sync::Arc;

use openclaw_state::journal::{Journal, Page};
use openclaw_types::Seq;
use tokio::sync::{mpsc, oneshot};

/// Events per page. It bounds what a stalled client costs.
pub(in crate::edge::grpc) const EVENTS_PER_PAGE: usize = 32;
/// The queue of page requests; further streams wait in order for a slot.
const MAX_QUEUED_REQUESTS: usize = 16;

/// Requests pages. Clones share one reader.
#[derive(Clone)]
pub(in crate::edge::grpc) struct Pages {
    requests: mpsc::Sender<Request>,
}

struct Request {
    after: Seq,
    reply: oneshot::Sender<Page>,
}

impl Pages {
    /// The handle, and the reader, which ends with the last handle.
    pub(in crate::edge::grpc) fn of(
        journal: Arc<Journal>,
    ) -> (Self, impl Future<Output = ()> + Send) {
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
    pub(in crate::edge::grpc) async fn read(&self, after: Seq) -> Option<Page> {
        let (reply, page) = oneshot::channel();
        self.requests.send(Request { after, reply }).await.ok()?;
        page.await.ok()
    }
}
