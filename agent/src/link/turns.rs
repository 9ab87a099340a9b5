//! A few at a time, and not too many that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns for transfers of one kind.
#[derive(Debug)]
pub(super) struct Turns {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
}

/// A place in the queue, while it is held.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Turns>);

impl Turns {
    pub(super) fn new(at_once: usize, max_waiting: usize) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::new(Semaphore::new(at_once)),
            waiting: AtomicUsize::new(0),
            max_waiting,
        })
    }

    /// `None` if too many wait.
    pub(super) fn queue(self: &Arc<Self>) -> Option<Waiting> {
        let waiting = Waiting(Arc::clone(self));
        let others = self.waiting.fetch_add(1, Ordering::Relaxed);
        (others < self.max_waiting + self.turns.available_permits()).then_some(waiting)
    }
}

impl Waiting {
    /// Waits for a turn, which lasts as long as what is returned is held.
    pub(super) async fn turn(self) -> OwnedSemaphorePermit {
        let turns = Arc::clone(&self.0.turns);
        let turn = turns.acquire_owned().await;
        turn.expect("the semaphore is never closed")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_comes_in_order_and_too_many_do_not_wait() {
        let turns = Turns::new(1, 1);
        let first = turns.queue().unwrap().turn().await;
        let second = turns.queue().unwrap();
        assert!(turns.queue().is_none());
        drop(first);
        let second = second.turn().await;
        let third = turns.queue();
        assert!(third.is_some());
        drop(second);
    }
}
