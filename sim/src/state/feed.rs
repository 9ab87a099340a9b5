//! How far a companion's socket has got in its queue, while it is behind: at a login, and when it reads more slowly than
//! others write. `delivery` moves it on.

use crate::state::queue::Queue;

/// How much of a backlog is sent before the client has asked for any.
const PRIMER: usize = 5;
/// The most that one request brings. Web clients ask for 200.
const MAX_REQUEST: usize = 1_000;

/// The part of a queue that a socket has still to get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    pub(crate) next: u64,
    /// What waited at the login ends here, and its end is announced.
    pub(crate) waited: Option<Waited>,
}

/// The backlog of a login. The server sends as much as was asked for, and nothing that came later until all of it was
/// delivered and acked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waited {
    pub(crate) until: u64,
    pub(crate) count: usize,
    /// Stanzas of it that were sent.
    pub(crate) sent: usize,
    /// Stanzas of it that may be sent.
    granted: usize,
    /// Whether its end waits until all of it is acked.
    pub(crate) is_acked_first: bool,
}

impl Waited {
    /// Whether another stanza of it may be sent now.
    pub(crate) const fn may_send(&self) -> bool {
        self.sent < self.granted
    }
}

impl Feed {
    /// All that a companion is owed when it logs in. A strict one must be asked for.
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

    /// What came while the socket was full, from this place on.
    pub(crate) fn from(place: u64) -> Self {
        Self {
            next: place,
            waited: None,
        }
    }

    /// Nothing of the backlog is sent before the client has asked for it.
    pub(crate) fn without_primer(&mut self) {
        if let Some(waited) = &mut self.waited {
            waited.granted = 0;
        }
    }

    /// The client asks for so many more stanzas of its backlog. A request does not add to one that is not used up: what may
    /// be sent is counted from what was sent.
    pub(crate) fn request(&mut self, count: usize) {
        if let Some(waited) = &mut self.waited {
            let granted = waited.sent.saturating_add(count.min(MAX_REQUEST));
            waited.granted = waited.granted.max(granted);
        }
    }
}
