//! Points at which a test kills the process as `kill -9` does, each named after the operation before or after it; and
//! an artificially slow disk.
//!
//! Only in simulator builds. In other builds the functions do nothing and no variable is read.

/// A point at which the process can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// A message is decrypted, and nothing is written yet.
    Decrypted,
    /// The row of the message is written.
    Pending,
    /// The event is about to be written into the journal.
    Journaling,
    /// The event is written into the journal, and may not be durable yet.
    Journaled,
    /// The event is durable.
    Durable,
    /// The ack is being sent.
    Acked,
    /// Signal sessions are about to be written.
    Flushing,
    /// Signal sessions are written.
    Flushed,
    /// A step of a compaction begins.
    Compacting,
    /// A step of a compaction is done.
    Compacted,
    /// A chunk of the journal is in its file, but the log does not refer to it yet.
    Rolling,
    /// The log refers to the file.
    Rolled,
    /// An outgoing message is durable, and about to be encrypted.
    Claimed,
    /// The message has been handed to the socket.
    Handed,
    /// A part of a file to send was received.
    Receiving,
    /// All of it is on the volume, and its row is about to be written.
    Received,
    /// A file is about to be uploaded to a media host.
    Uploading,
    /// It is there, and that is not written yet.
    Uploaded,
    /// That is durable, and its message is about to be sent.
    Hosted,
    /// A client is enrolled and its code is used, but the response is not sent yet.
    Enrolled,
    /// A pairing has started, and has no code yet.
    Pairing,
    /// A code was shown to the client.
    Shown,
    /// A phone has accepted the new device, of which nothing is stored yet.
    Accepted,
    /// The new device is about to replace the old one.
    Adopting,
    /// The replacement is durable.
    Adopted,
    /// WhatsApp was asked to remove the old device.
    Removed,
    /// A stopped link is about to be resumed.
    Resuming,
    /// The resumption is durable, and no connection is made yet.
    Resumed,
    /// A backup was read and verified, and is about to replace an empty store.
    Restoring,
    /// The restored store is durable.
    Restored,
}

#[cfg(feature = "sim")]
pub use armed::{Malformed, arm, pass, reach, syncing};

/// Passes a failpoint.
#[cfg(not(feature = "sim"))]
pub const fn pass(_: Failpoint) {}

/// Passes a failpoint at which a task can be held until the process is killed at another one.
#[cfg(not(feature = "sim"))]
pub async fn reach(_: Failpoint) {}

/// Called before every fsync.
#[cfg(not(feature = "sim"))]
pub const fn syncing() {}

#[cfg(feature = "sim")]
mod armed {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::Failpoint;

    /// `PLACE:N` kills the process when it passes PLACE for the N-th time. `PLACE:N,PLACE:N` kills it at the second,
    /// counted from when the first was reached; a task that is held at the first does not continue.
    const VARIABLE: &str = "OPENCLAW_KILL_AT";

    /// Additional milliseconds for each fsync.
    const SLOW_DISK: &str = "OPENCLAW_SLOW_DISK_MS";

    /// The value of `OPENCLAW_SLOW_DISK_MS`.
    static SYNC_MILLIS: AtomicU64 = AtomicU64::new(0);

    const NAMES: [(&str, Failpoint); 30] = [
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
        ("receiving", Failpoint::Receiving),
        ("received", Failpoint::Received),
        ("uploading", Failpoint::Uploading),
        ("uploaded", Failpoint::Uploaded),
        ("hosted", Failpoint::Hosted),
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

    /// The remaining steps, the next one last.
    static REMAINING: Mutex<Vec<Step>> = Mutex::new(Vec::new());

    struct Step {
        place: Failpoint,
        passes: u32,
    }

    /// A variable is malformed.
    #[derive(Debug, thiserror::Error)]
    pub enum Malformed {
        /// The value of `OPENCLAW_KILL_AT`.
        #[error("{VARIABLE}: {0:?} is not PLACE:N or PLACE:N,PLACE:N")]
        Failpoint(String),
        /// The value of `OPENCLAW_SLOW_DISK_MS`.
        #[error("{SLOW_DISK}: {0:?} is not a number of milliseconds")]
        Millis(String),
    }

    /// Reads the variables. Without this call no failpoint is active.
    pub fn arm() -> Result<(), Malformed> {
        if let Ok(millis) = std::env::var(SLOW_DISK) {
            let parsed = millis.parse().map_err(|_| Malformed::Millis(millis))?;
            SYNC_MILLIS.store(parsed, Ordering::Relaxed);
        }
        let Ok(value) = std::env::var(VARIABLE) else {
            return Ok(());
        };
        let steps: Option<Vec<Step>> = value.split(',').rev().map(step).collect();
        *REMAINING.lock().unwrap_or_else(PoisonError::into_inner) =
            steps.ok_or(Malformed::Failpoint(value))?;
        Ok(())
    }

    fn step(text: &str) -> Option<Step> {
        let (name, passes) = text.split_once(':')?;
        let (_, place) = *NAMES.iter().find(|(known, _)| *known == name)?;
        let passes = passes.parse().ok().filter(|passes| *passes > 0)?;
        Some(Step { place, passes })
    }

    /// Passes a failpoint.
    pub fn pass(place: Failpoint) {
        advance(place);
    }

    /// Passes a failpoint at which a task can be held until the process is killed at another one.
    pub async fn reach(place: Failpoint) {
        if advance(place) {
            std::future::pending::<()>().await;
        }
    }

    /// Called before every fsync: sleeps for as long as the slow disk would take.
    pub fn syncing() {
        let millis = SYNC_MILLIS.load(Ordering::Relaxed);
        if millis > 0 {
            std::thread::sleep(Duration::from_millis(millis));
        }
    }

    /// Returns true if this was the next step, with further ones to follow. At the last step it kills the process.
    fn advance(place: Failpoint) -> bool {
        let mut remaining = REMAINING.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = remaining.last_mut().filter(|next| next.place == place) else {
            return false;
        };
        next.passes -= 1;
        if next.passes > 0 {
            return false;
        }
        remaining.pop();
        if remaining.is_empty() {
            // Cannot fail for the process itself.
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
