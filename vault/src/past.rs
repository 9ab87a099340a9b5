//! Whether a store was rolled back, from an opening that was seen and the openings that it knows. Pure.
//!
//! As long as the store only continues, an epoch keeps its id and its commits only grow; a copy that is older misses
//! commits, and one that went on by itself has other ids. Only who has seen the store can know: client and agent judge by
//! the same rule.

use std::fmt;

use crate::epoch::Epoch;

/// How a store was rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// It was opened more often before.
    Generation {
        /// The opening that was seen.
        seen: u64,
        /// The current one.
        now: u64,
    },
    /// The opening that was seen is not part of its past.
    OtherPast {
        /// Which.
        generation: u64,
    },
    /// The opening that was seen had made more commits.
    Commits {
        /// Which.
        generation: u64,
        /// Commits that were seen.
        seen: u64,
        /// Commits that there are.
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

/// Judges `seen` by the latest openings, oldest first: the last is the current one. `None` when the store went on, as far as is known; what was seen longer ago than the oldest of them cannot be judged.
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
        // A history that reaches so far back has no holes.
        None if oldest.generation < generation => Some(Back::OtherPast { generation }),
        // Only the latest openings are known: what was seen is too long ago.
        Some(_) | None => None,
    }
}
