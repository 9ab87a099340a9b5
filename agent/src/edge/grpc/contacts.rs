//! `openclaw.agent.v1.Contacts`: convert, send, await, convert.

use openclaw_proto::v1 as pb;
use tonic::{Request, Response, Status};

use super::{convert, status};
use crate::link::Agent;

/// The service.
pub(super) struct Service {
    agent: Agent,
}

impl Service {
    pub(super) const fn new(agent: Agent) -> Self {
        Self { agent }
    }
}

#[tonic::async_trait]
impl pb::contacts_server::Contacts for Service {
    async fn lookup(
        &self,
        request: Request<pb::LookupRequest>,
    ) -> Result<Response<pb::LookupResponse>, Status> {
        let numbers = convert::lookup_request(&request.into_inner())?;
        let found = self.agent.look_up(&numbers).await;
        let found = found.map_err(|error| status::lookup(&error))?;
        Ok(Response::new(convert::looked_up(found)))
    }
}
