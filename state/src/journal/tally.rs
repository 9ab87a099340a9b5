//! Counts the events of each kind that were added since the process started.

use std::sync::atomic::{AtomicU64, Ordering};

use openclaw_types::{EventData, Kind};
use zeroize::Zeroizing;

use super::{Journal, encode};

/// The counters, in the order of [`Kind`].
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU64; Kind::ALL.len()]);

impl Journal {
    /// The number of events added since the process started, for each [`Kind`] in order.
    #[must_use]
    pub fn counts(&self) -> [u64; Kind::ALL.len()] {
        let Tally(counts) = &self.tally;
        std::array::from_fn(|at| counts[at].load(Ordering::Relaxed))
    }

    /// Encodes an event and counts it.
    pub(super) fn counted(&self, what: &EventData) -> Zeroizing<Vec<u8>> {
        let Tally(counts) = &self.tally;
        counts[what.kind() as usize].fetch_add(1, Ordering::Relaxed);
        encode(what)
    }
}
