//! The scripted agent's client methods.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::clients_server::Clients;
use tonic::{Request, Response, Status};

use super::Methods;
use crate::script::written;

#[tonic::async_trait]
impl Clients for Methods {
    async fn list_clients(
        &self,
        request: Request<pb::ListClientsRequest>,
    ) -> Result<Response<pb::ListClientsResponse>, Status> {
        let asked = written("ListClientsRequest", request.get_ref());
        self.0.note(format!("ListClients {asked}"));
        let answer = self.0.script.lock().unwrap().list_clients.pop_front();
        self.0.answer("ListClientsResponse", answer).await
    }

    async fn invite_client(
        &self,
        request: Request<pb::InviteClientRequest>,
    ) -> Result<Response<pb::InviteClientResponse>, Status> {
        let asked = written("InviteClientRequest", request.get_ref());
        self.0.note(format!("InviteClient {asked}"));
        let answer = self.0.script.lock().unwrap().invite_client.pop_front();
        self.0.answer("InviteClientResponse", answer).await
    }

    async fn revoke_client(
        &self,
        request: Request<pb::RevokeClientRequest>,
    ) -> Result<Response<pb::RevokeClientResponse>, Status> {
        let asked = written("RevokeClientRequest", request.get_ref());
        self.0.note(format!("RevokeClient {asked}"));
        let answer = self.0.script.lock().unwrap().revoke_client.pop_front();
        self.0.answer("RevokeClientResponse", answer).await
    }
}
