//! How many events of each kind were added since the process started.

use std::sync::atomic::{AtomicU64, Ordering};

use openclaw_types::{EventData, Kind};
use zeroize::Zeroizing;

use super::{Journal, encode};

/// The counters, in the order of [`Kind`].
#[derive(Debug, Default)]
pub(super) struct Tally([AtomicU64; Kind::ALL.len()]);

impl Journal {
    /// How many events were added since the process started, for each [`Kind`] in its order.
    #[must_use]
    pub fn counts(&self) -> [u64; Kind::ALL.len()] {
        let Tally(counts) = &self.tally;
        std::array::from_fn(|at| counts[at].load(Ordering::Relaxed))
    }

    /// An event as it is written, once it is counted.
    pub(super) fn counted(&self, what: &EventData) -> Zeroizing<Vec<u8>> {
        let Tally(counts) = &self.tally;
        counts[what.kind() as usize].fetch_add(1, Ordering::Relaxed);
        encode(what)
    }
}
