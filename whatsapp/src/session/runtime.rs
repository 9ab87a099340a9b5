//! The library's tasks and timers on tokio's runtime, with two of its timers understood for what they are.
//!
//! The library waits 60 s for what had waited at the server to be through, and then treats it as if it were: each message
//! that is still to come is made durable alone, and no more of them are asked for (whatsapp-rust 0.7.0,
//! `src/client/sessions.rs:52`). On a slow disk, or with many messages, 60 s are not enough. Neither value can be
//! configured, but every timer is asked of the runtime: this one ends when nothing of that has come for 60 s.
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
use tokio::time::{Instant, Sleep};
use whatsapp_rust::wacore::runtime::AbortHandle;
use whatsapp_rust::{Runtime, TokioRuntime};

use super::lock;

type Task<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The library's `DEFAULT_OFFLINE_SYNC_TIMEOUT`.
const OFFLINE_SYNC_TIMEOUT: Duration = Duration::from_secs(60);
/// The library's `PERMIT_WAIT_WARN`.
pub(super) const PERMIT_WAIT: Duration = Duration::from_secs(10);

/// How many messages wait for their turn, and when one that had waited at the server last moved.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: AtomicUsize,
    drain: Drain,
}

/// When something of what had waited at the server last moved.
#[derive(Debug, Default)]
pub(super) struct Drain(Mutex<Option<Instant>>);

impl Turns {
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
    /// A stanza of it came, or messages of it were made durable.
    pub(super) fn moved(&self) {
        *lock(&self.0) = Some(Instant::now());
    }

    /// Returns when nothing has moved for `limit`, from now on.
    async fn stalled(&self, limit: Duration) {
        let mut since = Instant::now();
        loop {
            tokio::time::sleep_until(since + limit).await;
            match *lock(&self.0) {
                Some(moved) if moved > since => since = moved,
                _ => return,
            }
        }
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
                Box::pin(async move { turns.drain.stalled(duration).await })
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
