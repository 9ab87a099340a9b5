//! The scripted agent's contacts.

use openclaw_proto::v1::contacts_server::Contacts;
use openclaw_proto::v1::{LookupRequest, LookupResponse};
use tonic::{Request, Response, Status};

use super::Methods;
use crate::script::written;

#[tonic::async_trait]
impl Contacts for Methods {
    async fn lookup(
        &self,
        request: Request<LookupRequest>,
    ) -> Result<Response<LookupResponse>, Status> {
        let asked = written("LookupRequest", request.get_ref());
        self.0.note(format!("Lookup {asked}"));
        let answer = self.0.script.lock().unwrap().lookup.pop_front();
        self.0.answer("LookupResponse", answer).await
    }
}
