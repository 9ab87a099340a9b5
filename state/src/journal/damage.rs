//! Events that should be there and cannot be read: their file is missing, cut short, damaged or another's. One list of them
//! is what the log, Status, doctor and WatchEvents report.

use openclaw_types::Seq;
use openclaw_vault::Error;

use super::{Journal, State};
use crate::vault::ok_or_abort;

/// Events that cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The first of them.
    pub first: Seq,
    /// The last of them.
    pub last: Seq,
    /// Why.
    pub why: String,
}

impl Journal {
    /// What is damaged, as far as that is known, oldest first. What was let go of since is not.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damage> {
        let state = self.state();
        let oldest = Seq(state.kept.oldest());
        let kept = state.damaged.values();
        kept.filter(|damage| damage.last >= oldest)
            .cloned()
            .collect()
    }

    /// Looks for damage, a file at a time: whether each is there and as long as it was written, and with `whole` also whether
    /// everything in it opens.
    pub async fn examine(&self, whole: bool) {
        let mut after = 0;
        loop {
            {
                let mut state = self.state();
                let found = self
                    .vault
                    .with(|sealed| state.kept.examine(sealed, after, whole));
                let Some((last, harm)) = found.and_then(ok_or_abort) else {
                    return;
                };
                after = last;
                if let Some(harm) = harm {
                    state.note_damage(Seq(harm.first), Seq(harm.last), &harm.error);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

impl State {
    /// Takes a range to the others, and logs it when it is news.
    pub(super) fn note_damage(&mut self, first: Seq, last: Seq, error: &Error) {
        let known = self.damaged.values();
        let mut known = known.filter(|known| known.first <= first);
        if known.any(|known| known.last >= last) {
            return;
        }
        // A wider look found more of it.
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
