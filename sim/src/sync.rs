//! Helpers for locks and futures: a lock is never held across an await, and a [`Party`]'s futures are always ready.
//!
//! [`Party`]: crate::signal::party::Party

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;

/// Ignores poisoning: the data is no worse than after the panic itself.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the result of a future of [`crate::signal::party::Party`], which is async only because libsignal's traits
/// are.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    future
        .now_or_never()
        .expect("a party keeps everything in memory, so its futures are always ready")
}
