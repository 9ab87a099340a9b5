//! The library's tasks and timers on tokio's runtime. Three of the library's timers are replaced; they are recognised by
//! their duration, and `agent/tests/it/backlog.rs` fails if a later version of the library has other durations.
//!
//! 1. The library waits 60 s for the backlog (the stanzas that the server queued while the agent was offline), and then
//!    treats it as complete: it makes each further message durable separately, and requests no more of them (whatsapp-rust
//!    0.7.0, `src/client/sessions.rs:52`). On a slow disk, or with many messages, 60 s are not enough. The timeout cannot be
//!    configured, but the library gets every timer from the runtime. Here this timer ends when no stanza of the backlog has
//!    arrived for 60 s, or as soon as all announced stanzas have arrived. The latter avoids a deadlock: the library holds back
//!    the receipts of duplicates, and of messages that only carry a key, until the server ends the backlog, and the server
//!    ends it only when it has these receipts.
//! 2. The library collects messages of the backlog for 3 s, or until it has 400, before it makes them durable and acks them
//!    (`src/message/commit_batch.rs:27`). WhatsApp's server waits for these acks before it sends new messages. Here this
//!    timer ends as soon as no more stanzas arrive.
//! 3. A message that has left its chat's queue and waits to be decrypted is visible only through the timer of the library's
//!    warning about it (`src/client/node_io.rs:102`). Here that timer also counts these messages.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use openclaw_state::vault::Vault;
use tokio::time::{Instant, Sleep};
use whatsapp_rust::wacore::runtime::AbortHandle;
use whatsapp_rust::{Runtime, TokioRuntime};

use super::lock;

type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The library's `DEFAULT_OFFLINE_SYNC_TIMEOUT`.
const OFFLINE_SYNC_TIMEOUT: Duration = Duration::from_secs(60);
/// The library's `FLUSH_TIMEOUT` for a batch of the backlog.
const BATCH_TIMEOUT: Duration = Duration::from_secs(3);
/// A batch is complete when no stanza has arrived for this long. Longer than the library waits before it requests more.
const BATCH_QUIET: Duration = Duration::from_millis(200);
/// A backlog whose stanzas have all arrived is over when there was no progress, and no work in progress, for this long.
/// Longer than [`BATCH_QUIET`], so that a batch is flushed and acked first.
const COMPLETE_QUIET: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The library's `PERMIT_WAIT_WARN`.
pub(super) const PERMIT_WAIT: Duration = Duration::from_secs(10);

/// The number of messages that wait to be decrypted, and the progress of the backlog.
#[derive(Default)]
pub(super) struct Turns {
    waiting: AtomicUsize,
    drain: Drain,
    /// The store that makes messages durable.
    vault: Option<Vault>,
}

/// The backlog of the current connection: the stanzas that the server queued while the agent was offline.
#[derive(Debug, Default)]
pub(super) struct Drain(Mutex<Progress>);

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The time of the last progress: an announcement, a stanza, or messages made durable.
    moved: Option<Instant>,
    /// The number of stanzas that are announced and have not arrived; `None` before the announcement.
    awaited: Option<usize>,
    /// The server has ended the backlog (`<offline>`).
    over: bool,
}

impl Turns {
    /// Starts without messages.
    pub(super) fn new(vault: Vault) -> Self {
        Self {
            vault: Some(vault),
            ..Self::default()
        }
    }

    /// Whether a stanza that has arrived is still being processed.
    fn is_busy(&self) -> bool {
        self.count() > 0 || self.vault.as_ref().is_some_and(Vault::is_syncing)
    }

    /// Returns when the backlog is over: it made no progress for `limit`, or all of it has arrived and is processed.
    async fn drained(&self, limit: Duration) {
        let begun = Instant::now();
        let mut worked = begun;
        loop {
            if self.is_busy() {
                worked = Instant::now();
            }
            let Progress { moved, awaited, .. } = *lock(&self.drain.0);
            let moved = moved.map_or(begun, |moved| moved.max(begun));
            if awaited == Some(0) && moved.max(worked).elapsed() >= COMPLETE_QUIET {
                return;
            }
            let stalled = moved.elapsed();
            if stalled >= limit {
                tracing::warn!(
                    seconds = limit.as_secs(),
                    missing = awaited,
                    "backlog stalled, no longer waiting"
                );
                return;
            }
            tokio::time::sleep(POLL_INTERVAL.min(limit - stalled)).await;
        }
    }

    /// The number of messages that wait to be decrypted.
    pub(super) fn count(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The backlog of the current connection.
    pub(super) const fn drain(&self) -> &Drain {
        &self.drain
    }
}

impl Drain {
    /// Resets the state for a new connection.
    pub(super) fn connecting(&self) {
        *lock(&self.0) = Progress::default();
    }

    /// The server has announced `stanzas` more.
    pub(super) fn announced(&self, stanzas: usize) {
        let mut progress = lock(&self.0);
        progress.awaited = Some(progress.awaited.unwrap_or(0) + stanzas);
        progress.moved = Some(Instant::now());
    }

    /// One stanza of the backlog has arrived.
    pub(super) fn arrived(&self) {
        let mut progress = lock(&self.0);
        progress.awaited = progress.awaited.map(|awaited| awaited.saturating_sub(1));
        progress.moved = Some(Instant::now());
    }

    /// The server has ended the backlog.
    pub(super) fn ended(&self) {
        lock(&self.0).over = true;
    }

    /// Whether the server has announced a backlog on this connection.
    pub(super) fn is_announced(&self) -> bool {
        lock(&self.0).awaited.is_some()
    }

    /// Whether the server has ended the backlog of this connection.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.0).over
    }

    /// Returns when there was progress after `since` and then none for `quiet`, or when the backlog is over.
    pub(super) async fn quiet_since(&self, since: Instant, quiet: Duration) {
        loop {
            let Progress { moved, over, .. } = *lock(&self.0);
            let has_come = moved.is_some_and(|moved| moved > since && moved.elapsed() >= quiet);
            if over || has_come {
                return;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Messages of the backlog were made durable.
    pub(super) fn moved(&self) {
        lock(&self.0).moved = Some(Instant::now());
    }

    /// Returns when there was no progress for `quiet`, counted from now, and after `limit` at the latest.
    async fn paused(&self, quiet: Duration, limit: Duration) {
        let stalled = async {
            let mut since = Instant::now();
            loop {
                tokio::time::sleep_until(since + quiet).await;
                match lock(&self.0).moved {
                    Some(moved) if moved > since => since = moved,
                    _ => return,
                }
            }
        };
        let _ = tokio::time::timeout(limit, stalled).await;
    }
}

/// Tokio's runtime for the library, with the timers above replaced.
pub(super) struct Paced {
    turns: Arc<Turns>,
}

impl Paced {
    pub(super) const fn new(turns: Arc<Turns>) -> Self {
        Self { turns }
    }
}

#[async_trait]
impl Runtime for Paced {
    fn spawn(&self, future: Task) -> AbortHandle {
        TokioRuntime.spawn(future)
    }

    fn spawn_detached(&self, future: Task) {
        TokioRuntime.spawn_detached(future);
    }

    fn sleep(&self, duration: Duration) -> Task {
        match duration {
            OFFLINE_SYNC_TIMEOUT => {
                let turns = Arc::clone(&self.turns);
                Box::pin(async move { turns.drained(duration).await })
            }
            BATCH_TIMEOUT => {
                let turns = Arc::clone(&self.turns);
                Box::pin(async move { turns.drain.paused(BATCH_QUIET, duration).await })
            }
            PERMIT_WAIT => Box::pin(Turn::new(Arc::clone(&self.turns))),
            _ => TokioRuntime.sleep(duration),
        }
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Task {
        TokioRuntime.spawn_blocking(work)
    }

    fn yield_now(&self) -> Option<Task> {
        TokioRuntime.yield_now()
    }
}

/// One message that waits to be decrypted. It is counted until this is dropped, which may be after the timer has fired.
struct Turn {
    turns: Arc<Turns>,
    timer: Pin<Box<Sleep>>,
}

impl Turn {
    fn new(turns: Arc<Turns>) -> Self {
        turns.waiting.fetch_add(1, Ordering::Relaxed);
        Self {
            turns,
            timer: Box::pin(tokio::time::sleep(PERMIT_WAIT)),
        }
    }
}

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().poll(context)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_is_over_when_it_makes_no_progress_for_its_limit() {
        let turns = Arc::<Turns>::default();
        let runtime = Paced::new(Arc::clone(&turns));
        let begun = Instant::now();
        let mut timer = runtime.sleep(OFFLINE_SYNC_TIMEOUT);
        for _ in 0..20 {
            let moment = tokio::time::timeout(Duration::from_secs(30), &mut timer).await;
            assert!(moment.is_err(), "it ended {:?} after", begun.elapsed());
            turns.drain().moved();
        }
        timer.await;
        assert_eq!(begun.elapsed(), Duration::from_secs(20 * 30 + 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_complete_when_no_more_arrives_and_after_its_timeout() {
        let turns = Arc::<Turns>::default();
        let runtime = Paced::new(Arc::clone(&turns));
        let begun = Instant::now();
        runtime.sleep(BATCH_TIMEOUT).await;
        assert_eq!(begun.elapsed(), BATCH_QUIET);
        let begun = Instant::now();
        let mut timer = runtime.sleep(BATCH_TIMEOUT);
        while begun.elapsed() < BATCH_TIMEOUT {
            turns.drain().moved();
            let _ = tokio::time::timeout(BATCH_QUIET / 2, &mut timer).await;
        }
        assert_eq!(begun.elapsed(), BATCH_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_is_over_soon_after_all_announced_stanzas_arrived() {
        let turns = Arc::<Turns>::default();
        let runtime = Paced::new(Arc::clone(&turns));
        let begun = Instant::now();
        let mut timer = runtime.sleep(OFFLINE_SYNC_TIMEOUT);
        turns.drain().announced(2);
        for _ in 0..2 {
            let moment = tokio::time::timeout(Duration::from_secs(10), &mut timer).await;
            assert!(moment.is_err(), "it ended {:?} after", begun.elapsed());
            turns.drain().arrived();
        }
        timer.await;
        assert_eq!(begun.elapsed(), Duration::from_secs(20) + COMPLETE_QUIET);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_that_never_makes_progress_is_over_after_its_limit() {
        let turns = Arc::<Turns>::default();
        turns.drain().moved();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();
        Paced::new(turns).sleep(OFFLINE_SYNC_TIMEOUT).await;
        assert_eq!(begun.elapsed(), OFFLINE_SYNC_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_counts_beyond_its_timer_until_it_is_dropped() {
        let turns = Arc::<Turns>::default();
        let mut turn = Paced::new(Arc::clone(&turns)).sleep(PERMIT_WAIT);
        (&mut turn).await;
        assert_eq!(turns.count(), 1);
        drop(turn);
        assert_eq!(turns.count(), 0);
    }
}
