//! Events are read a page at a time for all streams together, and between two pages everything else has its turn: however
//! many streams begin at the oldest event, a short call on the same thread is answered after a page or two.
//!
//! The reader is a task of its own, and no stream holds anything while it waits: a client that stops reading in the middle
//! of a page keeps no other one waiting.

use std::sync::Arc;

use openclaw_state::journal::{Journal, Page};
use openclaw_types::Seq;
use tokio::sync::{mpsc, oneshot};

/// Events read at once: what a stalled client costs.
pub(in crate::edge::grpc) const EVENTS_PER_PAGE: usize = 32;
/// Streams whose request for a page is in the reader's queue; others wait for a place in it, in order.
const MAX_QUEUED_REQUESTS: usize = 16;

/// Asks for pages. Cloned handles have the same reader.
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
                // A stream that has just ended wants it no more.
                let _ = reply.send(page);
                tokio::task::yield_now().await;
            }
        };
        (Self { requests }, reading)
    }

    /// The page behind `after`; `None` once the reader has ended.
    pub(in crate::edge::grpc) async fn read(&self, after: Seq) -> Option<Page> {
        let (reply, page) = oneshot::channel();
        self.requests.send(Request { after, reply }).await.ok()?;
        page.await.ok()
    }
}
