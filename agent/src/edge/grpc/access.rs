//! `openclaw.agent.v1.Access`: convert, send, await, convert.

use openclaw_proto::v1 as pb;
use tonic::{Request, Response, Status};

use super::{convert, status};
use crate::link::Agent;

pub(super) struct Service {
    agent: Agent,
}

impl Service {
    pub(super) const fn new(agent: Agent) -> Self {
        Self { agent }
    }

    fn rules(&self) -> pb::Rules {
        let status = self.agent.status();
        convert::rules(status.rules, status.held)
    }
}

#[tonic::async_trait]
impl pb::access_server::Access for Service {
    async fn list_allowed(
        &self,
        request: Request<pb::ListAllowedRequest>,
    ) -> Result<Response<pb::ListAllowedResponse>, Status> {
        let status = self.agent.status();
        let listed = convert::allowed(request.get_ref(), status.rules, status.held)?;
        Ok(Response::new(listed))
    }

    async fn add_allowed(
        &self,
        request: Request<pb::AddAllowedRequest>,
    ) -> Result<Response<pb::AddAllowedResponse>, Status> {
        let who = convert::who(&request.into_inner().who)?;
        let added = self.agent.allow(who).await;
        let added = added.map_err(|refused| status::refused(&refused))?;
        Ok(Response::new(pb::AddAllowedResponse { added }))
    }

    async fn remove_allowed(
        &self,
        request: Request<pb::RemoveAllowedRequest>,
    ) -> Result<Response<pb::RemoveAllowedResponse>, Status> {
        let who = convert::who(&request.into_inner().who)?;
        let removed = self.agent.disallow(&who).await;
        removed.map_err(|refused| status::refused(&refused))?;
        Ok(Response::new(pb::RemoveAllowedResponse {}))
    }

    async fn reload_rules(
        &self,
        _: Request<pb::ReloadRulesRequest>,
    ) -> Result<Response<pb::ReloadRulesResponse>, Status> {
        let reloaded = self.agent.reload_rules();
        reloaded.map_err(|error| status::rules(&error))?;
        let rules = Some(self.rules());
        Ok(Response::new(pb::ReloadRulesResponse { rules }))
    }

    async fn diagnose(
        &self,
        request: Request<pb::DiagnoseRequest>,
    ) -> Result<Response<pb::DiagnoseResponse>, Status> {
        let request = request.into_inner();
        let who = convert::diagnose_request(&request)?;
        let findings = match request.link {
            true => self.agent.diagnose_link().await,
            false => self.agent.diagnose(who).await,
        };
        Ok(Response::new(convert::findings(findings)))
    }
}
