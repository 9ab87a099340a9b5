//! `openclaw.agent.v1.Contacts`: convert, send, await, convert.

use std::future::{self, Future};
use std::pin::Pin;

use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use openclaw_proto::v1 as pb;
use openclaw_trust::Role;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{convert, roles, status};
use crate::link::{Agent, Picture};

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service.
pub(super) struct Service<S> {
    agent: Agent,
    stop: S,
}

impl<S> Service<S> {
    /// Pictures in progress end with `stop`, before they are complete.
    pub(super) const fn new(agent: Agent, stop: S) -> Self {
        Self { agent, stop }
    }
}

#[tonic::async_trait]
impl<S> pb::contacts_server::Contacts for Service<S>
where
    S: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    type GetPictureStream = Streamed<pb::GetPictureResponse>;

    async fn lookup(
        &self,
        request: Request<pb::LookupRequest>,
    ) -> Result<Response<pb::LookupResponse>, Status> {
        let numbers = convert::lookup_request(&request.into_inner())?;
        let found = self.agent.look_up(&numbers).await;
        let found = found.map_err(|error| status::lookup(&error))?;
        Ok(Response::new(convert::looked_up(found)))
    }

    async fn get_contact(
        &self,
        request: Request<pb::GetContactRequest>,
    ) -> Result<Response<pb::GetContactResponse>, Status> {
        // A question to WhatsApp counts for the limit of Lookup, and needs the same role.
        let may_ask = roles::require(&request, Role::Sender);
        let (who, refresh) = convert::contact_request(&request.into_inner())?;
        let profile = match may_ask {
            Ok(()) => self.agent.profile(&who, refresh).await,
            Err(denied) if refresh => return Err(denied),
            Err(denied) => Ok(self.agent.known_profile(&who).ok_or(denied)?),
        };
        let profile = profile.map_err(|error| status::lookup(&error))?;
        let contact = Some(convert::contact_info(profile));
        Ok(Response::new(pb::GetContactResponse { contact }))
    }

    async fn get_picture(
        &self,
        request: Request<pb::GetPictureRequest>,
    ) -> Result<Response<Self::GetPictureStream>, Status> {
        let (of, preview) = convert::picture_request(&request.into_inner())?;
        let picture = self.agent.picture(&of, preview).await;
        let picture = picture.map_err(|denied| status::picture(&denied))?;
        let Picture { id, bytes, pieces } = picture;
        let start = convert::picture_start(id, bytes);
        let start = stream::once(future::ready(Ok(start)));
        let pieces = ReceiverStream::new(pieces).map(|piece| match piece {
            Ok(piece) => Ok(convert::picture_chunk(piece)),
            Err(error) => Err(status::picture_failed(error)),
        });
        let stop = self.stop.clone().fuse();
        Ok(Response::new(start.chain(pieces).take_until(stop).boxed()))
    }
}
