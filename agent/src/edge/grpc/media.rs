//! `openclaw.agent.v1.Files`: convert, send, await, convert.

use std::future::{self, Future};
use std::pin::Pin;

use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use openclaw_proto::v1 as pb;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{convert, status};
use crate::link::{Agent, Denied, Download};

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(super) struct Service<S> {
    agent: Agent,
    stop: S,
}

impl<S> Service<S> {
    /// Downloads in progress end with `stop`, without an `end` item.
    pub(super) const fn new(agent: Agent, stop: S) -> Self {
        Self { agent, stop }
    }
}

#[tonic::async_trait]
impl<S> pb::files_server::Files for Service<S>
where
    S: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    type DownloadStream = Streamed<pb::DownloadResponse>;

    async fn download(
        &self,
        request: Request<pb::DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let request = convert::download_request(request.into_inner())?;
        // Flushed first, so that a client can download a file whose event it has just received.
        self.agent.journal().flush().await;
        let Download {
            seq,
            message,
            media,
            pieces,
            outcome,
        } = self
            .agent
            .download(&request)
            .map_err(|denied| status::download_denied(&denied))?;
        let start = convert::download_start(seq, message, media);
        let start = stream::once(future::ready(Ok(start)));
        let pieces = ReceiverStream::new(pieces).map(|piece| Ok(convert::download_piece(piece)));
        let end = stream::once(outcome).map(|outcome| match outcome {
            Ok(Ok(whole)) => Ok(convert::download_end(whole)),
            Ok(Err(error)) => Err(status::download_failed(error)),
            // The task is only dropped when the runtime ends.
            Err(_) => Err(status::denied(&Denied::Stopping)),
        });
        let items = start.chain(pieces).chain(end);
        let stop = self.stop.clone().fuse();
        Ok(Response::new(items.take_until(stop).boxed()))
    }
}
