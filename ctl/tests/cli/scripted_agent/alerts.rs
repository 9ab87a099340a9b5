//! The scripted agent's alert methods.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::alerts_server::Alerts;
use tonic::{Request, Response, Status};

use super::Methods;
use crate::script::written;

#[tonic::async_trait]
impl Alerts for Methods {
    async fn test_alert(
        &self,
        _: Request<pb::TestAlertRequest>,
    ) -> Result<Response<pb::TestAlertResponse>, Status> {
        self.0.note("TestAlert {}".to_owned());
        let answer = self.0.script.lock().unwrap().test_alert.pop_front();
        self.0.answer("TestAlertResponse", answer).await
    }

    async fn list_alerts(
        &self,
        request: Request<pb::ListAlertsRequest>,
    ) -> Result<Response<pb::ListAlertsResponse>, Status> {
        let asked = written("ListAlertsRequest", request.get_ref());
        self.0.note(format!("ListAlerts {asked}"));
        let answer = self.0.script.lock().unwrap().list_alerts.pop_front();
        self.0.answer("ListAlertsResponse", answer).await
    }
}
