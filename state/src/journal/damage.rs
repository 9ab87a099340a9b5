//! Events that should exist but cannot be read, because their file is missing, truncated, damaged or from another
//! store. The log, Status, doctor and WatchEvents all report from this one list.

use openclaw_types::Seq;
use openclaw_vault::Error;

use super::{Journal, State};
use crate::vault::ok_or_abort;

/// A range of events that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The first seq.
    pub first: Seq,
    /// The last seq.
    pub last: Seq,
    /// The error.
    pub why: String,
}

impl Journal {
    /// All known damage, oldest first. Events that were deleted since are left out.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damage> {
        let state = self.state();
        let oldest = Seq(state.stored.oldest());
        let known = state.damaged.values();
        known
            .filter(|damage| damage.last >= oldest)
            .cloned()
            .collect()
    }

    /// Searches for damage, file by file: each file must exist and have its recorded length; with `whole`, every
    /// block must also open.
    pub async fn examine(&self, whole: bool) {
        let mut after = 0;
        loop {
            {
                let mut state = self.state();
                let found = self
                    .vault
                    .with(|sealed| state.stored.examine(sealed, after, whole));
                let Some((last, damage)) = found.and_then(ok_or_abort) else {
                    return;
                };
                after = last;
                if let Some(damage) = damage {
                    state.note_damage(Seq(damage.first), Seq(damage.last), &damage.error);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

impl State {
    /// Adds a range, and logs it if it is new.
    pub(super) fn note_damage(&mut self, first: Seq, last: Seq, error: &Error) {
        let known = self.damaged.values();
        let mut known = known.filter(|known| known.first <= first);
        if known.any(|known| known.last >= last) {
            return;
        }
        // A later check found a larger range of the same damage.
        self.damaged
            .retain(|_, known| known.first < first || known.last > last);
        let why = error.to_string();
        tracing::error!(
            first = first.0,
            last = last.0,
            reason = why,
            hint = "run `openclawctl doctor`",
            "events of the journal are damaged"
        );
        self.damaged.insert(first, Damage { first, last, why });
    }
}
