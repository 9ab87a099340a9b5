//! `openclaw.agent.v1.Clients`: convert, send, await, convert.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_state::clients::Clients;
use openclaw_state::clock;
use openclaw_trust::Fingerprint;
use tonic::{Request, Response, Status};

use super::listen::Caller;
use super::{Network, convert, status};

/// How long a client that revokes itself keeps its connection, to receive the response.
const SELF_REVOKE_DELAY: Duration = Duration::from_millis(250);

pub(super) struct Service {
    clients: Clients,
    network: Network,
}

impl Service {
    pub(super) const fn new(clients: Clients, network: Network) -> Self {
        Self { clients, network }
    }
}

#[tonic::async_trait]
impl pb::clients_server::Clients for Service {
    async fn list_clients(
        &self,
        request: Request<pb::ListClientsRequest>,
    ) -> Result<Response<pb::ListClientsResponse>, Status> {
        let now = clock::now();
        let (clients, invitations) = (self.clients.list(now), self.clients.invitations(now));
        let listed = convert::clients(request.get_ref(), clients, invitations)?;
        Ok(Response::new(listed))
    }

    async fn invite_client(
        &self,
        request: Request<pb::InviteClientRequest>,
    ) -> Result<Response<pb::InviteClientResponse>, Status> {
        let (role, name, send_to) = convert::invite_request(request.into_inner())?;
        if self.network.tls.is_none() {
            return Err(status::no_tls());
        }
        let now = clock::now();
        let invited = self.clients.invite(role, name, send_to, now).await;
        let (code, invitation) = invited.map_err(|denied| status::client_denied(&denied))?;
        let address = self.network.public.as_deref().unwrap_or_default();
        Ok(Response::new(convert::invited(&code, invitation, address)))
    }

    async fn revoke_client(
        &self,
        request: Request<pb::RevokeClientRequest>,
    ) -> Result<Response<pb::RevokeClientResponse>, Status> {
        let caller = caller(&request);
        let pb::RevokeClientRequest { client } = request.into_inner();
        let revoked = self.clients.revoke(&client, caller).await;
        let (client, severed) = revoked.map_err(|denied| status::client_denied(&denied))?;
        if caller == Some(client.fingerprint) {
            tokio::spawn(async move {
                tokio::time::sleep(SELF_REVOKE_DELAY).await;
                drop(severed);
            });
        }
        let client = Some(convert::client(client));
        Ok(Response::new(pb::RevokeClientResponse { client }))
    }
}

fn caller<T>(request: &Request<T>) -> Option<Fingerprint> {
    let caller = request.extensions().get::<Caller>()?;
    caller.client.as_ref().map(|(_, fingerprint)| *fingerprint)
}
