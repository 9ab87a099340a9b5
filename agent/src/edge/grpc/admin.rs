//! `openclaw.agent.v1.Admin`: convert, send, await, convert.

use std::future::{self, Future};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use openclaw_proto::v1 as pb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{convert, status};
use crate::link::{Agent, Copy};

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Chunks of a backup that are queued between the store and the client.
const MAX_QUEUED_CHUNKS: usize = 2;
/// An upload without data for this long is aborted: it blocks other backups and restores.
const UPLOAD_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Service<S> {
    agent: Agent,
    stop: S,
}

impl<S> Service<S> {
    /// A backup in progress ends with `stop`.
    pub(super) fn new(agent: Agent, stop: S) -> Self {
        Self { agent, stop }
    }
}

#[tonic::async_trait]
impl<S> pb::admin_server::Admin for Service<S>
where
    S: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    type BackupStream = Streamed<pb::BackupResponse>;

    async fn backup(
        &self,
        request: Request<pb::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let secret = convert::sealing_secret(request.into_inner().secret)?;
        let Copy { start, pieces } = self
            .agent
            .backup(secret)
            .map_err(|error| status::archive(&error))?;
        let start = stream::once(future::ready(Ok(convert::backup_start(start))));
        let pieces = ReceiverStream::new(pieces).map(|piece| match piece {
            Ok(piece) => Ok(convert::backup_piece(piece)),
            Err(error) => Err(status::archive(&error)),
        });
        let stop = self.stop.clone().fuse();
        Ok(Response::new(start.chain(pieces).take_until(stop).boxed()))
    }

    async fn restore(
        &self,
        request: Request<Streaming<pb::RestoreRequest>>,
    ) -> Result<Response<pb::RestoreResponse>, Status> {
        let mut requests = request.into_inner();
        let secret = convert::restore_start(next(&mut requests).await?)?;
        let (send, bytes) = mpsc::channel(MAX_QUEUED_CHUNKS);
        let feed = async move {
            while let Some(request) = next(&mut requests).await? {
                // A closed channel means that the restore has failed; its result then has the reason.
                if send.send(convert::restore_chunk(request)?).await.is_err() {
                    break;
                }
            }
            Ok::<_, Status>(())
        };
        let mut restoring = pin!(self.agent.restore(secret, bytes));
        let restored = tokio::select! {
            // Refused at once, without reading the rest of the upload.
            restored = &mut restoring => restored,
            fed = feed => {
                // An upload that breaks off is a truncated backup, and changes nothing.
                let restored = restoring.await;
                if restored.is_err() {
                    fed?;
                }
                restored
            }
        };
        let restored = restored.map_err(|error| status::archive(&error))?;
        Ok(Response::new(convert::restored(restored)))
    }

    async fn resolve_rollback(
        &self,
        request: Request<pb::ResolveRollbackRequest>,
    ) -> Result<Response<pb::ResolveRollbackResponse>, Status> {
        let decision = convert::decision(&request.into_inner())?;
        let dropped = self.agent.resolve_rollback(decision).await;
        let dropped = dropped.map_err(|denied| status::denied(&denied))?;
        Ok(Response::new(convert::rollback_resolved(dropped)))
    }
}

async fn next<T>(requests: &mut Streaming<T>) -> Result<Option<T>, Status> {
    tokio::time::timeout(UPLOAD_IDLE_TIMEOUT, requests.message())
        .await
        .unwrap_or_else(|_| Err(status::too_slow()))
}
