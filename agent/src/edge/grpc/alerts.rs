//! `openclaw.agent.v1.Alerts`: convert, send, await, convert.

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
}

#[tonic::async_trait]
impl pb::alerts_server::Alerts for Service {
    async fn test_alert(
        &self,
        _: Request<pb::TestAlertRequest>,
    ) -> Result<Response<pb::TestAlertResponse>, Status> {
        let tested = self.agent.alerts().test().await;
        let tested = tested.map_err(status::alerts)?;
        Ok(Response::new(convert::tested(tested)))
    }

    async fn list_alerts(
        &self,
        request: Request<pb::ListAlertsRequest>,
    ) -> Result<Response<pb::ListAlertsResponse>, Status> {
        let board = self.agent.alerts().board();
        Ok(Response::new(convert::alerts(request.get_ref(), board)?))
    }
}
