//! The thread that makes writes durable and compacts the log, one small step at a time.

use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use openclaw_vault::{Compaction, DiskFile as _, SyncJob};

use super::{Sealed, Shared, State, ok_or_abort};
use crate::failpoint::{self, Failpoint};

/// How many bytes of the log a compaction step reads while the store is locked: well under a millisecond.
const COMPACTION_STEP_BYTES: usize = 128 << 10;

/// How long a compaction pauses that waits for the end of a backup.
const COMPACTION_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How often an idle store checks that its files are still in place.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The handle of the keeper thread.
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// The next thing to do.
enum Work {
    Look,
    Sync(SyncJob<std::fs::File>),
    Compact,
    Stop,
}

impl Keeper {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let kept = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("vault".to_owned())
            .spawn(move || keep(&kept));
        // Without threads the process cannot run, and it has not started yet.
        let thread = thread.map_err(openclaw_vault::Error::Folder);
        Self {
            shared,
            thread: Some(ok_or_abort(thread)),
        }
    }

    /// Makes all writes durable and records the length of the log in the header. Nothing is written afterwards.
    pub fn stop(mut self) {
        self.shared.lock().stopping = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("store thread panicked");
        }
        if let Some(sealed) = self.shared.lock().sealed.take() {
            ok_or_abort(sealed.close());
        }
    }
}

fn keep(shared: &Shared) {
    let mut compaction = Compaction::Idle;
    loop {
        match next(shared, compaction) {
            Work::Look => look(&mut shared.lock()),
            Work::Sync(job) => {
                failpoint::syncing();
                let result = job.run();
                let mut state = shared.lock();
                // A sync of files that were moved away would not make anything durable in this directory.
                look(&mut state);
                if let Some(sealed) = &mut state.sealed {
                    ok_or_abort(sealed.synced(&job, result));
                }
                shared.publish(&state);
            }
            Work::Compact => compaction = compact(shared),
            Work::Stop => return,
        }
    }
}

/// Waits for work. A sync that a task waits for comes first.
fn next(shared: &Shared, compaction: Compaction) -> Work {
    let held = compaction == Compaction::Held;
    let mut state = shared.lock();
    let mut rested = false;
    loop {
        shared.publish(&state);
        if state.wanted > state.durable()
            && let Some(job) = state.sealed.as_ref().and_then(Sealed::unsynced)
        {
            return Work::Sync(job);
        }
        if state.stopping {
            return Work::Stop;
        }
        if compaction == Compaction::Underway || rested || (!held && wants_compaction(&state)) {
            return Work::Compact;
        }
        // Wipes plaintext that sealing and opening left on the stack.
        openclaw_harden::scrub_stack();
        let rest = if held {
            COMPACTION_RETRY_DELAY
        } else {
            LOOK_INTERVAL
        };
        let waited = shared.work.wait_timeout(state, rest);
        let waited = waited.unwrap_or_else(PoisonError::into_inner);
        state = waited.0;
        rested = held && waited.1.timed_out();
        if !held && waited.1.timed_out() {
            return Work::Look;
        }
    }
}

/// Ends the process if the store's files are no longer where they were opened.
fn look(state: &mut State) {
    if let Some(sealed) = &mut state.sealed {
        ok_or_abort(sealed.in_place());
    }
}

fn wants_compaction(state: &State) -> bool {
    state.sealed.as_ref().is_some_and(Sealed::wants_compaction)
}

/// Runs one step of a compaction.
fn compact(shared: &Shared) -> Compaction {
    let mut state = shared.lock();
    let Some(sealed) = &mut state.sealed else {
        return Compaction::Idle;
    };
    failpoint::pass(Failpoint::Compacting);
    let step = ok_or_abort(sealed.compact(COMPACTION_STEP_BYTES));
    failpoint::pass(Failpoint::Compacted);
    let file = sealed.compaction_job();
    drop(state);
    if let Some(file) = file {
        ok_or_abort(file.sync().map_err(openclaw_vault::Error::Sync));
    }
    step
}
