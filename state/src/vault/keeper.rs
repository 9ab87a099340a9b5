//! The thread that makes writes durable and compacts the log, one small step at a time.

use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use openclaw_vault::{Compaction, DiskFile as _, SyncJob};

use super::{Sealed, Shared, State, ok_or_abort};
use crate::failpoint::{self, Failpoint};

/// How much of the log one step of a compaction reads, with the store locked: well under a millisecond.
const COMPACTION_STEP_BYTES: usize = 128 << 10;

/// How long a compaction rests that waits for the end of a backup.
const COMPACTION_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How often a store that nothing is written to is looked for in its place.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The thread's handle.
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What there is to do.
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
        // Without threads a process cannot do its work, and it has done none yet.
        let thread = thread.map_err(openclaw_vault::Error::Folder);
        Self {
            shared,
            thread: Some(ok_or_abort(thread)),
        }
    }

    /// Makes everything written durable, and says in the header how much that is. Nothing is written afterwards.
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
                // Durable elsewhere is not durable.
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

/// Waits for work. Making durable what someone waits for comes first.
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
        // What was sealed and opened on the way here.
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

/// Ends the process when the store's files are no longer where it was opened.
fn look(state: &mut State) {
    if let Some(sealed) = &mut state.sealed {
        ok_or_abort(sealed.in_place());
    }
}

fn wants_compaction(state: &State) -> bool {
    state.sealed.as_ref().is_some_and(Sealed::wants_compaction)
}

/// One step.
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
