//! The library's tasks and timers on tokio's runtime, with three of its timers understood for what they are.
//!
//! The library waits 60 s for what had waited at the server to be through, and then treats it as if it were: each message
//! that is still to come is made durable alone, and no more of them are asked for (whatsapp-rust 0.7.0,
//! `src/client/sessions.rs:52`). On a slow disk, or with many messages, 60 s are not enough. Neither value can be
//! configured, but every timer is asked of the runtime: this one ends when nothing of that has come for 60 s. It ends much
//! sooner when all that the server had announced is here: the library keeps the receipts of messages that were delivered
//! before, and of those that only bring a key, until the server says that that was all, and the server says so when it has
//! the receipts.
//!
//! It also keeps what has come of that for 3 s before it makes it durable and acks it, unless there are 400 messages
//! (`src/message/commit_batch.rs:27`). WhatsApp's server waits for these acks before it sends what is new: this timer ends
//! as soon as nothing more comes.
//!
//! A message that is out of its chat's queue and waits for its turn to be decrypted can be seen by the timer of its
//! warning only (`src/client/node_io.rs:102`). Timers are recognised by their duration; `agent/tests/it/backlog.rs` fails
//! when a later version has others.

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
/// The library's `FLUSH_TIMEOUT` for a batch of what had waited.
const BATCH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long nothing has come when a batch is taken for complete: longer than the library waits before it asks for more.
const BATCH_QUIET: Duration = Duration::from_millis(200);
/// How long nothing has moved, and nothing was worked on, when a drain whose stanzas are all here is taken for over. Longer
/// than [`BATCH_QUIET`]: what is made durable as a batch is acked without it.
const COMPLETE_QUIET: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The library's `PERMIT_WAIT_WARN`.
pub(super) const PERMIT_WAIT: Duration = Duration::from_secs(10);

/// How many messages wait for their turn, and when one that had waited at the server last moved.
#[derive(Default)]
pub(super) struct Turns {
    waiting: AtomicUsize,
    drain: Drain,
    /// Where messages become durable.
    vault: Option<Vault>,
}

/// What had waited at the server, on its way here.
#[derive(Debug, Default)]
pub(super) struct Drain(Mutex<Progress>);

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// When something of it last moved.
    moved: Option<Instant>,
    /// How many stanzas the server has announced and not sent yet; `None` before it has announced any.
    awaited: Option<usize>,
    /// The server has said that that was all.
    over: bool,
}

impl Turns {
    /// Nothing waits yet.
    pub(super) fn new(vault: Vault) -> Self {
        Self {
            vault: Some(vault),
            ..Self::default()
        }
    }

    /// Whether something that has come is being worked on.
    fn is_busy(&self) -> bool {
        self.count() > 0 || self.vault.as_ref().is_some_and(Vault::is_syncing)
    }

    /// Returns when the drain is over: nothing of it has moved for `limit`, or all of it is here and done with.
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

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// What had waited at the server.
    pub(super) const fn drain(&self) -> &Drain {
        &self.drain
    }
}

impl Drain {
    /// A new connection begins.
    pub(super) fn connecting(&self) {
        *lock(&self.0) = Progress::default();
    }

    /// The server announces so many stanzas.
    pub(super) fn announced(&self, stanzas: usize) {
        let mut progress = lock(&self.0);
        progress.awaited = Some(progress.awaited.unwrap_or(0) + stanzas);
        progress.moved = Some(Instant::now());
    }

    /// A stanza of it came.
    pub(super) fn arrived(&self) {
        let mut progress = lock(&self.0);
        progress.awaited = progress.awaited.map(|awaited| awaited.saturating_sub(1));
        progress.moved = Some(Instant::now());
    }

    /// The server has said that that was all.
    pub(super) fn ended(&self) {
        lock(&self.0).over = true;
    }

    /// Whether the server has announced it on this connection.
    pub(super) fn is_announced(&self) -> bool {
        lock(&self.0).awaited.is_some()
    }

    /// Whether the server has said, on this connection, that that was all.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.0).over
    }

    /// Returns when something has moved after `since`, and nothing more for so long, or when it is over.
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

    /// Messages of it were made durable.
    pub(super) fn moved(&self) {
        lock(&self.0).moved = Some(Instant::now());
    }

    /// Returns when nothing has moved for `quiet`, from now on, and after `limit` at the latest.
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

/// Tokio's runtime for the library.
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

/// A message's wait for its turn. It counts until it is dropped, longer than its timer may run.
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
    async fn the_drain_is_over_when_nothing_has_moved_for_its_limit() {
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
    async fn a_batch_is_complete_when_nothing_more_comes_and_after_its_timeout() {
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
    async fn a_drain_is_over_soon_when_all_that_was_announced_is_here() {
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
    async fn a_drain_that_never_moves_is_over_after_its_limit() {
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
