//! Between the SDK and the lines on stdin and stdout.
//!
//! - Before a session has begun, the SDK ends at anything but a request. Here it is ignored.
//! - The SDK reads on while requests are running and while stdout is blocked. Here it stops reading meanwhile.
//! - Of two running requests with one id, the SDK answers one. Here the second waits for the answer to the first.

use std::collections::HashSet;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId, ServerResult};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;

/// Requests that run or wait for their turn. Each is at most one line long.
const MAX_RUNNING: usize = 64;
/// Messages that wait for stdout.
const MAX_UNWRITTEN: usize = 32;

pub(super) struct Gate<T> {
    inner: T,
    begun: bool,
    running: HashSet<RequestId>,
    /// A request whose id is that of a running one.
    held: Option<RxJsonRpcMessage<RoleServer>>,
    /// One clone for each message that waits for stdout.
    unwritten: Arc<()>,
}

impl<T> Gate<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            begun: false,
            running: HashSet::new(),
            held: None,
            unwritten: Arc::new(()),
        }
    }

    fn is_full(&self) -> bool {
        self.running.len() >= MAX_RUNNING || Arc::strong_count(&self.unwritten) > MAX_UNWRITTEN
    }

    /// The message, if it is for now.
    fn pass(
        &mut self,
        message: RxJsonRpcMessage<RoleServer>,
    ) -> Option<RxJsonRpcMessage<RoleServer>> {
        match &message {
            JsonRpcMessage::Request(request) => {
                if !self.running.insert(request.id.clone()) {
                    self.held = Some(message);
                    return None;
                }
            }
            // A cancelled request gets no answer.
            JsonRpcMessage::Notification(it) if self.begun => {
                if let ClientNotification::CancelledNotification(it) = &it.notification
                    && let Some(id) = &it.params.request_id
                {
                    self.running.remove(id);
                }
            }
            _ if self.begun => {}
            _ => return None,
        }
        Some(message)
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
        match &item {
            JsonRpcMessage::Response(response) => self.running.remove(&response.id),
            JsonRpcMessage::Error(error) => {
                error.id.as_ref().is_some_and(|id| self.running.remove(id))
            }
            _ => false,
        };
        let sending = self.inner.send(item);
        let waits = Arc::clone(&self.unwritten);
        async move {
            let sent = sending.await;
            drop(waits);
            sent
        }
    }

    /// The SDK drops this future for each message that it sends or has sent, and calls again. So waiting needs no waker.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if self.is_full() {
                std::future::pending::<()>().await;
            }
            let message = match self.held.take() {
                Some(held) => held,
                None => self.inner.receive().await?,
            };
            if let Some(message) = self.pass(message) {
                return Some(message);
            }
            if self.held.is_some() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
