//! Counters since the process started, for Status and metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has passed.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
    undecryptable: AtomicU64,
    dropped: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages received.
    pub received: u64,
    /// Messages that WhatsApp's server acknowledged.
    pub sent: u64,
    /// Messages that could not be decrypted when they arrived.
    pub undecryptable: u64,
    /// Messages from people who are not admitted.
    pub dropped: u64,
}

impl Traffic {
    /// A message was received.
    pub fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// A message of ours was acknowledged by the server.
    pub fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// A message could not be decrypted.
    pub fn count_undecryptable(&self) {
        self.undecryptable.fetch_add(1, Ordering::Relaxed);
    }

    /// Who wrote a message is not admitted.
    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            undecryptable: self.undecryptable.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}
