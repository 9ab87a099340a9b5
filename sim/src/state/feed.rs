//! The position of a companion's socket in its queue while it lags behind: at a login, and when it reads more slowly
//! than stanzas arrive. `delivery` moves it.

use crate::state::queue::Queue;

/// The number of backlog stanzas that are sent before the client requests any.
const PRIMER: usize = 5;
/// The maximum number of stanzas per request. Web clients request 200.
const MAX_REQUEST: usize = 1_000;

/// The part of a queue that a socket has not been sent yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    pub(crate) next: u64,
    /// The position of the end of the backlog, where the end is announced.
    pub(crate) waited: Option<Waited>,
}

/// The backlog of a login. The server sends as many stanzas as were requested, and newer stanzas only after the whole
/// backlog is delivered and acked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waited {
    pub(crate) until: u64,
    pub(crate) count: usize,
    /// The number of backlog stanzas that were sent.
    pub(crate) sent: usize,
    /// The number of backlog stanzas that may be sent.
    granted: usize,
    /// Whether the end is announced only after the whole backlog is acked.
    pub(crate) is_acked_first: bool,
}

impl Waited {
    /// Whether another backlog stanza may be sent now.
    pub(crate) const fn may_send(&self) -> bool {
        self.sent < self.granted
    }
}

impl Feed {
    /// All stanzas in the queue at a login. If strict, the client has to request them.
    pub(crate) fn backlog(queue: &Queue, strict: bool) -> Self {
        let waited = Waited {
            until: queue.end(),
            count: queue.len(),
            sent: 0,
            granted: if strict { PRIMER } else { usize::MAX },
            is_acked_first: strict,
        };
        Self {
            next: 0,
            waited: Some(waited),
        }
    }

    /// The stanzas that arrived while the socket was full, from this position on.
    pub(crate) fn from(place: u64) -> Self {
        Self {
            next: place,
            waited: None,
        }
    }

    /// Sends no backlog stanza before the client requests any.
    pub(crate) fn without_primer(&mut self) {
        if let Some(waited) = &mut self.waited {
            waited.granted = 0;
        }
    }

    /// The client requests this many more stanzas of its backlog. The count starts from the stanzas already sent: a
    /// request does not add to an earlier one that is not used up.
    pub(crate) fn request(&mut self, count: usize) {
        if let Some(waited) = &mut self.waited {
            let granted = waited.sent.saturating_add(count.min(MAX_REQUEST));
            waited.granted = waited.granted.max(granted);
        }
    }
}
