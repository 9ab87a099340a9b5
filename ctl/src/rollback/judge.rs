//! Decides whether a store was rolled back, from the recorded and the reported state. Pure.
//!
//! An epoch is one opening of the store: its number, a random id, and its count of commits. While the store only
//! continues, an epoch keeps its id and its count only grows. An older copy lacks commits, and a copy that was opened
//! separately has other ids.

use openclaw_proto::v1::{Epoch, Vault};
use openclaw_vault::went_back;

/// The latest epoch of a store.
pub(crate) use openclaw_vault::{Back, Epoch as Seen};

/// The parsed report of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reported {
    /// The store's id.
    pub(crate) store: [u8; 16],
    /// Its latest epochs, oldest first.
    earlier: Vec<Seen>,
    current: Seen,
}

impl Reported {
    /// `None` if the report has too little information.
    pub(crate) fn of(vault: &Vault) -> Option<Self> {
        let mut epochs: Vec<Seen> = vault.history.iter().map(seen).collect();
        let current = epochs.pop()?;
        let rising = epochs
            .iter()
            .chain([&current])
            .map(|epoch| epoch.generation)
            .is_sorted_by(|one, next| one < next);
        let valid = rising && current.generation == vault.generation;
        Some(Self {
            store: vault.store_id.as_slice().try_into().ok()?,
            earlier: epochs,
            current,
        })
        .filter(|_| valid)
    }

    /// The latest epoch.
    pub(crate) fn now(&self) -> Seen {
        self.current
    }
}

fn seen(epoch: &Epoch) -> Seen {
    let Epoch {
        generation,
        id,
        commits,
    } = *epoch;
    Seen {
        generation,
        id,
        commits,
    }
}

/// The result of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The store continued, as far as is known; this is the state to record.
    Continued(Seen),
    /// The store was rolled back.
    Back(Back),
}

/// Compares the states. A store without a recorded state is accepted.
pub(crate) fn judge(seen: Option<&Seen>, reported: &Reported) -> Verdict {
    let current = reported.current;
    let mut known = reported.earlier.clone();
    known.push(current);
    match seen.and_then(|seen| went_back(seen, &known)) {
        Some(back) => Verdict::Back(back),
        None => Verdict::Continued(current),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: [u8; 16] = [7; 16];

    fn epoch(generation: u64, id: u64, commits: u64) -> Seen {
        Seen {
            generation,
            id,
            commits,
        }
    }

    fn vault(history: &[Seen]) -> Vault {
        let epochs = history.iter().map(|seen| Epoch {
            generation: seen.generation,
            id: seen.id,
            commits: seen.commits,
        });
        Vault {
            store_id: STORE.to_vec(),
            generation: history.last().map_or(0, |last| last.generation),
            history: epochs.collect(),
            ..Vault::default()
        }
    }

    fn verdict(seen: Seen, history: &[Seen]) -> Verdict {
        let reported = Reported::of(&vault(history)).expect("the history is sufficient");
        judge(Some(&seen), &reported)
    }

    #[test]
    fn a_store_without_a_record_is_accepted() {
        let reported = Reported::of(&vault(&[epoch(4, 40, 9)])).unwrap();
        assert_eq!(judge(None, &reported), Verdict::Continued(epoch(4, 40, 9)));
    }

    #[test]
    fn the_same_epoch_may_be_unchanged_or_grow() {
        for commits in [9, 10, 1000] {
            assert_eq!(
                verdict(epoch(4, 40, 9), &[epoch(4, 40, commits)]),
                Verdict::Continued(epoch(4, 40, commits))
            );
        }
    }

    #[test]
    fn fewer_commits_in_the_same_epoch_are_a_rollback() {
        assert_eq!(
            verdict(epoch(4, 40, 9), &[epoch(3, 30, 5), epoch(4, 40, 8)]),
            Verdict::Back(Back::Commits {
                generation: 4,
                seen: 9,
                now: 8
            })
        );
    }

    #[test]
    fn another_id_for_the_same_generation_is_a_rollback() {
        assert_eq!(
            verdict(epoch(4, 40, 9), &[epoch(4, 41, 90)]),
            Verdict::Back(Back::OtherPast { generation: 4 })
        );
    }

    #[test]
    fn a_lower_generation_is_a_rollback() {
        assert_eq!(
            verdict(epoch(4, 40, 9), &[epoch(3, 30, 90)]),
            Verdict::Back(Back::Generation { seen: 4, now: 3 })
        );
    }

    #[test]
    fn a_later_epoch_whose_history_has_ours_is_no_rollback() {
        for commits in [9, 12] {
            assert_eq!(
                verdict(epoch(4, 40, 9), &[epoch(4, 40, commits), epoch(5, 50, 0)]),
                Verdict::Continued(epoch(5, 50, 0))
            );
        }
    }

    #[test]
    fn a_later_epoch_after_an_older_copy_is_a_rollback() {
        assert_eq!(
            verdict(epoch(4, 40, 9), &[epoch(4, 40, 8), epoch(5, 50, 70)]),
            Verdict::Back(Back::Commits {
                generation: 4,
                seen: 9,
                now: 8
            })
        );
        assert_eq!(
            verdict(epoch(4, 40, 9), &[epoch(4, 44, 9), epoch(5, 50, 70)]),
            Verdict::Back(Back::OtherPast { generation: 4 })
        );
    }

    #[test]
    fn a_history_without_our_epoch_is_a_rollback() {
        assert_eq!(
            verdict(epoch(4, 40, 9), &[epoch(3, 30, 9), epoch(5, 50, 70)]),
            Verdict::Back(Back::OtherPast { generation: 4 })
        );
    }

    #[test]
    fn an_epoch_older_than_the_history_cannot_be_judged() {
        assert_eq!(
            verdict(epoch(4, 40, 9), &[epoch(20, 2, 9), epoch(21, 3, 1)]),
            Verdict::Continued(epoch(21, 3, 1))
        );
    }

    #[test]
    fn inconsistent_histories_are_not_judged() {
        assert_eq!(Reported::of(&Vault::default()), None);
        assert_eq!(Reported::of(&vault(&[])), None);
        let falling = vault(&[epoch(5, 1, 1), epoch(4, 1, 1)]);
        assert_eq!(Reported::of(&falling), None);
        let twice = vault(&[epoch(4, 1, 1), epoch(4, 2, 1)]);
        assert_eq!(Reported::of(&twice), None);
        let ahead = Vault {
            generation: 9,
            ..vault(&[epoch(4, 1, 1)])
        };
        assert_eq!(Reported::of(&ahead), None);
        let nameless = Vault {
            store_id: vec![7; 15],
            ..vault(&[epoch(4, 1, 1)])
        };
        assert_eq!(Reported::of(&nameless), None);
    }
}
