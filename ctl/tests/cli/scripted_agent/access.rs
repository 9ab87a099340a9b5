//! The scripted agent's allowlist methods.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::access_server::Access;
use tonic::{Request, Response, Status};

use super::Methods;
use crate::script::written;

#[tonic::async_trait]
impl Access for Methods {
    async fn list_allowed(
        &self,
        request: Request<pb::ListAllowedRequest>,
    ) -> Result<Response<pb::ListAllowedResponse>, Status> {
        let asked = written("ListAllowedRequest", request.get_ref());
        self.0.note(format!("ListAllowed {asked}"));
        let answer = self.0.script.lock().unwrap().list_allowed.pop_front();
        self.0.answer("ListAllowedResponse", answer).await
    }

    async fn add_allowed(
        &self,
        request: Request<pb::AddAllowedRequest>,
    ) -> Result<Response<pb::AddAllowedResponse>, Status> {
        let asked = written("AddAllowedRequest", request.get_ref());
        self.0.note(format!("AddAllowed {asked}"));
        let answer = self.0.script.lock().unwrap().add_allowed.pop_front();
        self.0.answer("AddAllowedResponse", answer).await
    }

    async fn remove_allowed(
        &self,
        request: Request<pb::RemoveAllowedRequest>,
    ) -> Result<Response<pb::RemoveAllowedResponse>, Status> {
        let asked = written("RemoveAllowedRequest", request.get_ref());
        self.0.note(format!("RemoveAllowed {asked}"));
        let answer = self.0.script.lock().unwrap().remove_allowed.pop_front();
        self.0.answer("RemoveAllowedResponse", answer).await
    }

    async fn reload_rules(
        &self,
        _: Request<pb::ReloadRulesRequest>,
    ) -> Result<Response<pb::ReloadRulesResponse>, Status> {
        self.0.note("ReloadRules {}".to_owned());
        let answer = self.0.script.lock().unwrap().reload_rules.pop_front();
        self.0.answer("ReloadRulesResponse", answer).await
    }

    async fn diagnose(
        &self,
        request: Request<pb::DiagnoseRequest>,
    ) -> Result<Response<pb::DiagnoseResponse>, Status> {
        let asked = written("DiagnoseRequest", request.get_ref());
        self.0.note(format!("Diagnose {asked}"));
        let answer = self.0.script.lock().unwrap().diagnose.pop_front();
        self.0.answer("DiagnoseResponse", answer).await
    }
}
