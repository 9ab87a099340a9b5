//! Places at which a test ends the process as `kill -9` does, each named by what comes next or was done last.
//!
//! And a disk as slow as a test wants it.
//!
//! Only a simulator build has them. Elsewhere passing one is nothing, and no variable is read.

/// A place that a process may not get past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// A message is decrypted, and nothing of it is written yet.
    Decrypted,
    /// Its row is written.
    Pending,
    /// It is about to be written into the journal.
    Journaling,
    /// It is written into the journal, which need not be durable yet.
    Journaled,
    /// It is durable.
    Durable,
    /// Its ack is on its way.
    Acked,
    /// Sessions are about to be written.
    Flushing,
    /// They are written.
    Flushed,
    /// A step of a compaction begins.
    Compacting,
    /// A step of a compaction is done.
    Compacted,
    /// A chunk of the journal is in its file, and the log does not say so yet.
    Rolling,
    /// The log says so.
    Rolled,
    /// A message of ours is durable, and about to be encrypted.
    Claimed,
    /// It has been handed to the socket.
    Handed,
    /// A client is known and its code used, and it has no answer yet.
    Enrolled,
    /// A pairing has begun, and has no code yet.
    Pairing,
    /// A code was shown.
    Shown,
    /// A phone has accepted the new device, of which nothing is in the store.
    Accepted,
    /// The new device is about to take the place of the old one.
    Adopting,
    /// It has, durably.
    Adopted,
    /// WhatsApp was asked to remove the old one.
    Removed,
    /// A link that rests is about to be taken back.
    Resuming,
    /// That is durable, and nothing is connected yet.
    Resumed,
    /// A backup is read and good, and about to take the place of an empty store.
    Restoring,
    /// It has, durably.
    Restored,
}

#[cfg(feature = "sim")]
pub use armed::{Malformed, arm, pass, reach, syncing};

/// Comes past a place.
#[cfg(not(feature = "sim"))]
pub const fn pass(_: Failpoint) {}

/// Comes past a place where a process can be held until it ends at another.
#[cfg(not(feature = "sim"))]
pub async fn reach(_: Failpoint) {}

/// Writes are about to be made durable.
#[cfg(not(feature = "sim"))]
pub const fn syncing() {}

#[cfg(feature = "sim")]
mod armed {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::Failpoint;

    /// `PLACE:N`, the N-th time that a process comes past it. `PLACE:N,PLACE:N` ends it at the second, counted from when
    /// it came to the first; a task that is held at the first goes no further.
    const VARIABLE: &str = "OPENCLAW_KILL_AT";

    /// Milliseconds that each fsync takes longer.
    const SLOW_DISK: &str = "OPENCLAW_SLOW_DISK_MS";

    /// What [`SLOW_DISK`] says.
    static SYNC_MILLIS: AtomicU64 = AtomicU64::new(0);

    const NAMES: [(&str, Failpoint); 25] = [
        ("decrypted", Failpoint::Decrypted),
        ("pending", Failpoint::Pending),
        ("journaling", Failpoint::Journaling),
        ("journaled", Failpoint::Journaled),
        ("durable", Failpoint::Durable),
        ("acked", Failpoint::Acked),
        ("flushing", Failpoint::Flushing),
        ("flushed", Failpoint::Flushed),
        ("compacting", Failpoint::Compacting),
        ("compacted", Failpoint::Compacted),
        ("rolling", Failpoint::Rolling),
        ("rolled", Failpoint::Rolled),
        ("claimed", Failpoint::Claimed),
        ("handed", Failpoint::Handed),
        ("enrolled", Failpoint::Enrolled),
        ("pairing", Failpoint::Pairing),
        ("shown", Failpoint::Shown),
        ("accepted", Failpoint::Accepted),
        ("adopting", Failpoint::Adopting),
        ("adopted", Failpoint::Adopted),
        ("removed", Failpoint::Removed),
        ("resuming", Failpoint::Resuming),
        ("resumed", Failpoint::Resumed),
        ("restoring", Failpoint::Restoring),
        ("restored", Failpoint::Restored),
    ];

    /// What is still ahead, the next one last.
    static AHEAD: Mutex<Vec<Step>> = Mutex::new(Vec::new());

    struct Step {
        place: Failpoint,
        passes: u32,
    }

    /// A variable says something else.
    #[derive(Debug, thiserror::Error)]
    pub enum Malformed {
        /// Where the process ends.
        #[error("{VARIABLE}: {0:?} is not PLACE:N or PLACE:N,PLACE:N")]
        Failpoint(String),
        /// How slow the disk is.
        #[error("{SLOW_DISK}: {0:?} is not a number of milliseconds")]
        Millis(String),
    }

    /// Reads the variables. The process ends there, and only there.
    pub fn arm() -> Result<(), Malformed> {
        if let Ok(millis) = std::env::var(SLOW_DISK) {
            let parsed = millis.parse().map_err(|_| Malformed::Millis(millis))?;
            SYNC_MILLIS.store(parsed, Ordering::Relaxed);
        }
        let Ok(told) = std::env::var(VARIABLE) else {
            return Ok(());
        };
        let steps: Option<Vec<Step>> = told.split(',').rev().map(step).collect();
        *AHEAD.lock().unwrap_or_else(PoisonError::into_inner) =
            steps.ok_or(Malformed::Failpoint(told))?;
        Ok(())
    }

    fn step(text: &str) -> Option<Step> {
        let (name, passes) = text.split_once(':')?;
        let (_, place) = *NAMES.iter().find(|(known, _)| *known == name)?;
        let passes = passes.parse().ok().filter(|passes| *passes > 0)?;
        Some(Step { place, passes })
    }

    /// Comes past a place.
    pub fn pass(place: Failpoint) {
        arrives(place);
    }

    /// Comes past a place where a process can be held until it ends at another.
    pub async fn reach(place: Failpoint) {
        if arrives(place) {
            std::future::pending::<()>().await;
        }
    }

    /// Writes are about to be made durable: takes as long as on a slow disk.
    pub fn syncing() {
        let millis = SYNC_MILLIS.load(Ordering::Relaxed);
        if millis > 0 {
            std::thread::sleep(Duration::from_millis(millis));
        }
    }

    /// Whether this was a place on the way. At the last one it does not return.
    fn arrives(place: Failpoint) -> bool {
        let mut ahead = AHEAD.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = ahead.last_mut().filter(|next| next.place == place) else {
            return false;
        };
        next.passes -= 1;
        if next.passes > 0 {
            return false;
        }
        ahead.pop();
        if ahead.is_empty() {
            // It does not fail for a process of one's own.
            let _ = kill_process(getpid(), Signal::KILL);
            loop {
                std::thread::park();
            }
        }
        true
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_step_is_a_known_place_and_a_count() {
            for (name, place) in NAMES {
                let step = step(&format!("{name}:3")).unwrap();
                assert_eq!((step.place, step.passes), (place, 3));
            }
            for odd in ["", "decrypted", "decrypted:", "decrypted:0", "elsewhere:1"] {
                assert!(step(odd).is_none(), "{odd}");
            }
        }
    }
}
