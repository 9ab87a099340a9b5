//! Work that blocks, on a thread of its own, so that Ctrl-C is noticed meanwhile.

use tokio::sync::oneshot;

use crate::failure::Failure;

/// Does `work` on a thread of its own. Dropped before its end, it is left to itself: the process
/// ends without it.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (say, said) = oneshot::channel();
    std::thread::Builder::new()
        .spawn(move || {
            // No one waits for it any more if this fails.
            let _ = say.send(work());
        })
        .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
    said.await
        .unwrap_or_else(|_| Err(Failure::new("a thread ended without result")))
}
