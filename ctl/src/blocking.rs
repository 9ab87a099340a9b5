//! Blocking work on its own thread, so that Ctrl-C is handled meanwhile.

use tokio::sync::oneshot;

use crate::failure::Failure;

/// Runs `work` on its own thread. If the future is dropped early, the thread is detached: the process exits without it.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || {
            // Fails only if the caller no longer waits.
            let _ = sender.send(work());
        })
        .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
    receiver
        .await
        .unwrap_or_else(|_| Err(Failure::new("a thread ended without result")))
}
