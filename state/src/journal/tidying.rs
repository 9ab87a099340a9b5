//! The journal's maintenance: syncs events that no caller waits for, moves old events into files, and deletes events
//! beyond the retention.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use openclaw_vault::{Batch, Retention, Segment};
use tokio::task::spawn_blocking;

use super::Journal;
use crate::clock;
use crate::failpoint::{self, Failpoint};
use crate::vault::to_millis;

/// Events that no caller waits for are synced together, this long after the first one.
const BATCH_DELAY: Duration = Duration::from_millis(10);
/// How often the retention is checked if nothing else happens.
const RETENTION_INTERVAL: Duration = Duration::from_secs(600);

impl Journal {
    /// Syncs events that no caller waits for, moves old events into files, and deletes expired ones. Runs until it is
    /// dropped, which is safe at any point.
    pub async fn run(self: Arc<Self>) {
        self.examine(false).await;
        loop {
            self.tidy().await;
            if tokio::time::timeout(RETENTION_INTERVAL, self.appended.notified())
                .await
                .is_ok()
            {
                tokio::time::sleep(BATCH_DELAY).await;
                self.flush().await;
            } else {
                self.examine(false).await;
            }
        }
    }

    pub(super) async fn tidy(&self) {
        self.tidy_at(clock::now()).await;
    }

    pub(super) async fn tidy_at(&self, now: SystemTime) {
        while self.file_one().await {}
        let retention = Retention {
            bytes: self.limits.bytes,
            until: self.too_old(to_millis(now)),
        };
        let expired = self.with_stored(|stored, sealed| stored.expire(sealed, retention));
        let Some(expired) = expired.filter(|expired| !expired.is_empty()) else {
            return;
        };
        self.vault.flush().await;
        self.vault.with(|sealed| {
            openclaw_vault::Journal::remove(sealed.disk(), &expired);
            Ok(())
        });
    }

    /// The seq up to which events have reached the maximum age.
    fn too_old(&self, now: u64) -> u64 {
        let age = self.limits.age;
        let mut state = self.state();
        let head = state.stored.head();
        if state.ages.note(head, now, age) {
            let mut batch = Batch::new();
            state.ages.keep(&mut batch);
            self.vault.write(&batch);
        }
        state.ages.too_old(now, age)
    }

    /// Moves the oldest chunk into a file. Returns false if there was none to move, or it failed.
    async fn file_one(&self) -> bool {
        let sealing = self.with_stored(|stored, sealed| {
            let sealing = stored.filing(sealed)?;
            Ok(sealing.map(|sealing| (sealing, sealed.disk().clone())))
        });
        let Some((sealing, folder)) = sealing.flatten() else {
            return false;
        };
        // A failure here is harmless: the events are still in the log.
        let sealed = spawn_blocking(move || sealing.seal(&folder)).await;
        let segment: Segment = match sealed {
            Ok(Ok(segment)) => segment,
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot move events to a segment file, will retry");
                return false;
            }
            Err(_) => return false,
        };
        failpoint::pass(Failpoint::Rolling);
        let filed = self.with_stored(|stored, sealed| stored.filed(sealed, &segment));
        failpoint::pass(Failpoint::Rolled);
        filed.is_some()
    }
}
