//! Locks and futures as the simulator uses them: a lock is never held across an await, and a [`Party`]'s futures
//! never wait.
//!
//! [`Party`]: crate::signal::party::Party

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;

/// A panic elsewhere does not make the data worse than the panic already is.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The result of a future of [`crate::signal::party::Party`], which is async only because libsignal's traits are.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    future
        .now_or_never()
        .expect("a party keeps everything in memory, so its futures are ready at once")
}
