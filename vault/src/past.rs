//! Detects whether a store was rolled back, from an epoch that a client has seen and the epochs that the store knows.
//! Pure.
//!
//! While a store runs normally, an epoch keeps its id and its commits only grow. An older copy misses commits, and a
//! copy that continued separately has other ids. Only someone who has seen the store can detect this; the client and
//! the agent use the same rule.

use std::fmt;

use crate::epoch::Epoch;

/// How a store was rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// Its generation is lower than before.
    Generation {
        /// The generation that was seen.
        seen: u64,
        /// The current generation.
        now: u64,
    },
    /// The epoch that was seen is not in its history.
    OtherPast {
        /// The generation of that epoch.
        generation: u64,
    },
    /// The epoch has fewer commits than were seen.
    Commits {
        /// The generation of that epoch.
        generation: u64,
        /// The commits that were seen.
        seen: u64,
        /// The commits in the store's history.
        now: u64,
    },
}

impl fmt::Display for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation { seen, now } => {
                write!(
                    f,
                    "it was at generation {seen} before, and is at generation {now}"
                )
            }
            Self::OtherPast { generation } => {
                write!(
                    f,
                    "its generation {generation} is not the one that was seen before"
                )
            }
            Self::Commits {
                generation,
                seen,
                now,
            } => write!(
                f,
                "generation {generation} had {seen} commits before, and has {now}"
            ),
        }
    }
}

/// Compares `seen` with the latest epochs of the store, oldest first; the last is the current one. `None` if there is
/// no rollback, or if `seen` is older than all of them and cannot be judged.
#[must_use]
pub fn went_back(seen: &Epoch, known: &[Epoch]) -> Option<Back> {
    let generation = seen.generation;
    let (oldest, current) = (known.first()?, known.last()?);
    if current.generation < generation {
        return Some(Back::Generation {
            seen: generation,
            now: current.generation,
        });
    }
    match known.iter().find(|epoch| epoch.generation == generation) {
        Some(epoch) if epoch.id != seen.id => Some(Back::OtherPast { generation }),
        Some(epoch) if epoch.commits < seen.commits => Some(Back::Commits {
            generation,
            seen: seen.commits,
            now: epoch.commits,
        }),
        // The history has no holes, so a generation within it must be present.
        None if oldest.generation < generation => Some(Back::OtherPast { generation }),
        // Older than the recorded epochs: cannot be judged.
        Some(_) | None => None,
    }
}
