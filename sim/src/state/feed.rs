//! How far a companion's socket has got in its queue, while it is behind: at a login, and when it reads more slowly than
//! others write. `delivery` moves it on.

use crate::state::queue::Queue;

/// The part of a queue that a socket has still to get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    pub(crate) next: u64,
    /// What waited at the login ends here, and its end is announced.
    pub(crate) waited: Option<Waited>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Waited {
    pub(crate) until: u64,
    pub(crate) count: usize,
}

impl Feed {
    /// All that a companion is owed when it logs in.
    pub(crate) fn backlog(queue: &Queue) -> Self {
        let waited = Waited {
            until: queue.end(),
            count: queue.len(),
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
}
