//! Between the SDK and the lines on stdin and stdout.
//!
//! - Before a session has begun, the SDK ends at anything but a request. Here it is ignored.
//! - The SDK reads on while stdout is blocked, and keeps what it has to write. Here it stops reading.

use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{JsonRpcMessage, ServerResult};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::Semaphore;

/// Messages that may wait for stdout before no more are read.
const MAX_UNWRITTEN: usize = 32;

pub(super) struct Gate<T> {
    inner: T,
    begun: bool,
    unwritten: Arc<Semaphore>,
}

impl<T> Gate<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            begun: false,
            unwritten: Arc::new(Semaphore::new(MAX_UNWRITTEN)),
        }
    }
}

/// True for the first response of a session, with or without the handshake `initialize`.
fn begins(message: &TxJsonRpcMessage<RoleServer>) -> bool {
    let JsonRpcMessage::Response(response) = message else {
        return false;
    };
    // These are to `ping` and `server/discover`.
    let is_probe = matches!(
        response.result,
        ServerResult::EmptyResult(_) | ServerResult::DiscoverResult(_)
    );
    !is_probe
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Gate<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.begun = self.begun || begins(&item);
        let sending = self.inner.send(item);
        // None beyond the limit: what is running may still answer.
        let permit = Arc::clone(&self.unwritten).try_acquire_owned().ok();
        async move {
            let sent = sending.await;
            drop(permit);
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        // Never closed.
        drop(self.unwritten.acquire().await);
        loop {
            let message = self.inner.receive().await?;
            if self.begun || matches!(message, JsonRpcMessage::Request(_)) {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
