//! `openclaw.agent.v1.Files`: convert, send, await, convert.

use std::future::{self, Future};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use openclaw_proto::v1 as pb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{convert, status};
use crate::link::{Agent, Denied, Download, UploadPart};

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Pieces of a file between the client and the volume.
const MAX_QUEUED_PARTS: usize = 2;
/// An upload that sends nothing for this long is aborted: it keeps others waiting.
const UPLOAD_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

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
    async fn upload(
        &self,
        request: Request<Streaming<pb::UploadRequest>>,
    ) -> Result<Response<pb::UploadResponse>, Status> {
        let mut requests = request.into_inner();
        let new = convert::upload_start(next(&mut requests).await?)?;
        let (send, parts) = mpsc::channel(MAX_QUEUED_PARTS);
        // If the stream breaks off, the sender is dropped without an `End`, so nothing is stored.
        let feed = async move {
            while let Some(request) = next(&mut requests).await? {
                // The receiver closes when the file is refused; the result of the upload has the reason.
                if send.send(convert::upload_part(request)?).await.is_err() {
                    return Ok(());
                }
            }
            let _ = send.send(UploadPart::End).await;
            Ok::<_, Status>(())
        };
        let mut uploading = pin!(self.agent.upload(new, parts));
        let uploaded = tokio::select! {
            () = self.stop.clone() => return Err(status::denied(&Denied::Stopping)),
            uploaded = &mut uploading => uploaded,
            fed = feed => {
                let uploaded = uploading.await;
                if uploaded.is_err() {
                    fed?;
                }
                uploaded
            }
        };
        let uploaded = uploaded.map_err(|denied| status::upload_denied(&denied))?;
        Ok(Response::new(convert::uploaded(uploaded)))
    }
}

async fn next<T>(requests: &mut Streaming<T>) -> Result<Option<T>, Status> {
    tokio::time::timeout(UPLOAD_IDLE_TIMEOUT, requests.message())
        .await
        .unwrap_or_else(|_| Err(status::too_slow()))
}
