//! A handle on an open socket, with which other tasks queue stanzas and end it.
//!
//! The task that owns the socket is in `connection`; no other task accesses it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use wacore_binary::Node;

use crate::sync::lock;
use crate::wire::ending;
use crate::wire::tamper::Tamper;

/// The maximum number of unread stanzas, beyond which queued ones are not written to the socket: see `feed`.
const MAX_UNREAD: usize = 1_024;
/// A client that leaves this many stanzas unread is disconnected: it requests responses and does not read them.
const MAX_WAITING: usize = 64 * MAX_UNREAD;

/// The state of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Served.
    Live,
    /// Open, but neither read nor written.
    Frozen,
    /// Dropped without a last stanza.
    Cut,
}

/// The outgoing side of a socket.
pub(crate) struct Link {
    pub(crate) id: u64,
    waiting: Mutex<VecDeque<Waiting>>,
    wake: Notify,
    fate: watch::Sender<Fate>,
    /// The id of the last iq that the client has answered.
    answered: watch::Sender<String>,
    tamper: Arc<Mutex<Option<Tamper>>>,
}

struct Waiting {
    due: Option<Instant>,
    what: Outgoing,
}

pub(crate) enum Outgoing {
    /// A marshalled stanza.
    Stanza(Vec<u8>),
    /// Ends the socket once everything before is written.
    End,
    /// Closes the socket once everything before is written, immediately after it.
    Close,
    /// Cuts the socket once everything before is written.
    Cut,
}

impl Link {
    pub(crate) fn new(id: u64, tamper: Arc<Mutex<Option<Tamper>>>) -> Self {
        Self {
            id,
            waiting: Mutex::default(),
            wake: Notify::new(),
            fate: watch::Sender::new(Fate::Live),
            answered: watch::Sender::default(),
            tamper,
        }
    }

    /// Queues a stanza for writing. `delay` delays it, and all stanzas after it.
    pub(crate) fn send(&self, node: &Node, delay: Option<Duration>) {
        if let Some(tamper) = &mut *lock(&self.tamper) {
            for frame in tamper.apply(node) {
                self.push(Outgoing::Stanza(frame), delay);
            }
            return;
        }
        match wacore_binary::marshal_auto(node) {
            Ok(bytes) => self.push(Outgoing::Stanza(bytes), delay),
            Err(error) => tracing::error!(%error, tag = %node.tag, "cannot marshal a stanza"),
        }
    }

    /// The number of stanzas that are not written to the socket yet.
    pub(crate) fn unread(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// The number of queued stanzas that may be written now.
    pub(crate) fn room(&self) -> usize {
        MAX_UNREAD.saturating_sub(self.unread())
    }

    /// Makes the socket's task check the queue again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Sends the reason and the end of the stream, and closes the socket after all queued stanzas.
    pub(crate) fn end(&self, last: &Node) {
        self.send(last, None);
        self.end_silently();
    }

    /// Sends the end of the stream, and closes the socket after all queued stanzas.
    pub(crate) fn end_silently(&self) {
        self.send(&ending::stream_end(), None);
        self.push(Outgoing::End, None);
    }

    /// Sends the reason, and closes the socket immediately after it.
    pub(crate) fn end_at_once(&self, last: &Node) {
        self.send(last, None);
        self.push(Outgoing::Close, None);
    }

    /// Cuts the socket after all queued stanzas, without a last stanza.
    pub(crate) fn cut_after_queued(&self) {
        self.push(Outgoing::Cut, None);
    }

    fn push(&self, what: Outgoing, delay: Option<Duration>) {
        if !self.is_live() {
            return;
        }
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MAX_WAITING {
            tracing::warn!(link = self.id, "client does not read, socket cut");
            waiting.clear();
            self.decide(Fate::Cut);
            return;
        }
        let due = delay.map(|delay| Instant::now() + delay);
        waiting.push_back(Waiting { due, what });
        drop(waiting);
        self.wake.notify_one();
    }

    /// Returns everything that may be written now, at most `max` stanzas. If there is nothing, waits until something is
    /// due or [`Self::wake`] was called, and returns what there is then, which may be nothing.
    pub(crate) async fn outgoing(&self, max: usize) -> Vec<Outgoing> {
        let (ready, next) = self.take_due(max);
        if !ready.is_empty() {
            return ready;
        }
        match next {
            Some(due) => tokio::time::sleep_until(due).await,
            None => self.wake.notified().await,
        }
        self.take_due(max).0
    }

    fn take_due(&self, max: usize) -> (Vec<Outgoing>, Option<Instant>) {
        let now = Instant::now();
        let mut waiting = lock(&self.waiting);
        let mut ready = Vec::new();
        if !self.is_live() {
            return (ready, None);
        }
        while ready.len() < max {
            match waiting.front() {
                Some(first) if first.due.is_none_or(|due| due <= now) => {}
                Some(first) => return (ready, first.due),
                None => break,
            }
            ready.extend(waiting.pop_front().map(|first| first.what));
        }
        (ready, None)
    }

    /// The client has answered the server's iq with this id.
    pub(crate) fn answered(&self, id: &str) {
        self.answered.send_replace(id.to_owned());
    }

    /// Waits until the client has answered the iq with this id.
    pub(crate) async fn answer_to(&self, id: &str) {
        let mut answered = self.answered.subscribe();
        // The sender is in `self`, so it cannot be dropped.
        let _ = answered.wait_for(|answered| answered == id).await;
    }

    pub(crate) fn decide(&self, fate: Fate) {
        self.fate.send_if_modified(|now| {
            let changes = *now != fate && *now != Fate::Cut;
            if changes {
                *now = fate;
            }
            changes
        });
    }

    /// Waits until the socket is no longer [`Fate::Live`].
    pub(crate) async fn doomed(&self) -> Fate {
        let mut fate = self.fate.subscribe();
        let decided = fate.wait_for(|fate| *fate != Fate::Live).await;
        decided.map_or(Fate::Cut, |fate| *fate)
    }

    /// Waits until the socket is [`Fate::Cut`].
    pub(crate) async fn cut(&self) {
        let mut fate = self.fate.subscribe();
        // The sender is in `self`, so it cannot be dropped.
        let _ = fate.wait_for(|fate| *fate == Fate::Cut).await;
    }

    pub(crate) fn is_live(&self) -> bool {
        *self.fate.borrow() == Fate::Live
    }
}
