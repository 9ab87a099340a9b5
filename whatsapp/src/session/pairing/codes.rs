//! The QR codes of a connection: which one is shown, and until when. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long WhatsApp accepts the first code, and each later one.
const FIRST_VALID: Duration = Duration::from_secs(60);
const NEXT_VALID: Duration = Duration::from_secs(20);
/// WhatsApp sends six. More than these, and longer ones, are ignored.
const MAX_REFS: usize = 16;
const MAX_REF_BYTES: usize = 512;

/// The codes that are left, and the one that is shown.
#[derive(Default)]
pub(super) struct Codes {
    refs: VecDeque<String>,
    shown: Option<Shown>,
}

/// The reference of the code that is shown.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) reference: String,
    pub(super) until: Instant,
}

/// What follows when a code expires.
pub(super) enum Turn {
    /// Nothing: the code is still valid, or there never was one.
    Stay,
    /// The next code is shown.
    Next,
    /// There are no more codes.
    Exhausted,
}

impl Codes {
    /// Starts with the server's references; earlier ones are void.
    pub(super) fn offer<'a>(&mut self, refs: impl Iterator<Item = &'a str>, now: Instant) -> bool {
        let usable = |text: &&str| (1..=MAX_REF_BYTES).contains(&text.len());
        self.refs = refs
            .filter(usable)
            .take(MAX_REFS)
            .map(str::to_owned)
            .collect();
        self.show(now + FIRST_VALID)
    }

    /// The code that is shown.
    pub(super) fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// When [`Codes::turn`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.shown.as_ref().map(|shown| shown.until)
    }

    /// Shows the next code if the current one has expired.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        match self.due() {
            Some(due) if due <= now => {
                if self.show(now + NEXT_VALID) {
                    Turn::Next
                } else {
                    Turn::Exhausted
                }
            }
            _ => Turn::Stay,
        }
    }

    /// No code is shown any more.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    fn show(&mut self, until: Instant) -> bool {
        let shown = |reference| Shown { reference, until };
        self.shown = self.refs.pop_front().map(shown);
        self.shown.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn six_codes_last_for_160_seconds() {
        let start = Instant::now();
        let mut codes = Codes::default();
        assert!(codes.offer(["a", "b", "c", "d", "e", "f"].into_iter(), start));
        let mut lasts = Vec::new();
        while let Some(due) = codes.due() {
            assert!(matches!(
                codes.turn(due - Duration::from_millis(1)),
                Turn::Stay
            ));
            lasts.push((due - start).as_secs());
            codes.turn(due);
        }
        assert_eq!(lasts, [60, 80, 100, 120, 140, 160]);
    }

    #[tokio::test]
    async fn unusable_refs_show_nothing() {
        let mut codes = Codes::default();
        let long = "x".repeat(MAX_REF_BYTES + 1);
        assert!(!codes.offer(["", long.as_str()].into_iter(), Instant::now()));
        assert!(codes.due().is_none());
        let many = std::iter::repeat_n("r", 10_000);
        assert!(codes.offer(many, Instant::now()));
        assert_eq!(codes.refs.len(), MAX_REFS - 1);
    }
}
