//! Who may call, and who does.

use openclaw_proto::v1 as pb;
use openclaw_trust::{Code, Role, enroll};
use prost_types::Timestamp;
use tonic::Status;

use super::{UnknownValue, count, invalid};
use crate::clients::{Client, Invitation};
use crate::clock;
use crate::grpc::Network;
use crate::grpc::listen::Caller;

pub(in crate::grpc) fn clients(
    clients: Vec<Client>,
    invitations: Vec<Invitation>,
) -> pb::ListClientsResponse {
    pb::ListClientsResponse {
        clients: clients.into_iter().map(client).collect(),
        invitations: invitations.into_iter().map(invitation).collect(),
    }
}

pub(in crate::grpc) fn client(client: Client) -> pb::Client {
    let Client {
        name,
        fingerprint,
        role: may,
        enrolled_at,
        last_seen,
        connections,
    } = client;
    pb::Client {
        name,
        fingerprint: fingerprint.to_string(),
        role: role(may).into(),
        enrolled_at: Some(Timestamp::from(enrolled_at)),
        last_seen_at: last_seen.map(Timestamp::from),
        connections: count(connections),
    }
}

fn invitation(invitation: Invitation) -> pb::Invitation {
    let Invitation {
        name,
        role: may,
        expires_at,
    } = invitation;
    pb::Invitation {
        name: name.unwrap_or_default(),
        role: role(may).into(),
        expires_at: Some(Timestamp::from(clock::shown(expires_at))),
    }
}

pub(in crate::grpc) fn invite_request(
    request: pb::InviteClientRequest,
) -> Result<(Role, Option<String>), Status> {
    let wanted = match pb::Role::try_from(request.role) {
        Ok(pb::Role::Unspecified | pb::Role::Operator) => Role::Operator,
        Ok(pb::Role::Reader) => Role::Reader,
        Ok(pb::Role::Admin) => Role::Admin,
        Err(_) => return Err(invalid("role", &UnknownValue(request.role))),
    };
    let name = Some(request.name).filter(|name| !name.is_empty());
    if let Some(name) = &name {
        enroll::check_name(name).map_err(|error| invalid("name", &error))?;
    }
    Ok((wanted, name))
}

pub(in crate::grpc) fn invited(
    code: &Code,
    invitation: Invitation,
    address: &str,
) -> pb::InviteClientResponse {
    let Invitation {
        name,
        role: may,
        expires_at,
    } = invitation;
    pb::InviteClientResponse {
        code: code.reveal().to_string(),
        expires_at: Some(Timestamp::from(clock::shown(expires_at))),
        role: role(may).into(),
        name: name.unwrap_or_default(),
        address: address.to_owned(),
    }
}

pub(in crate::grpc) fn caller(caller: Option<&Caller>) -> Option<pb::Caller> {
    let Caller {
        client,
        role: may,
        via,
    } = caller?;
    let (name, fingerprint) = match client {
        Some((name, fingerprint)) => (name.to_string(), fingerprint.to_string()),
        None => Default::default(),
    };
    Some(pb::Caller {
        name,
        role: role(*may).into(),
        fingerprint,
        via: via.name().to_owned(),
    })
}

pub(in crate::grpc) fn tls(network: &Network) -> Option<pb::Tls> {
    let (address, fingerprint) = network.tls?;
    Some(pb::Tls {
        fingerprint: fingerprint.to_string(),
        address: address.to_string(),
    })
}

const fn role(role: Role) -> pb::Role {
    match role {
        Role::Reader => pb::Role::Reader,
        Role::Operator => pb::Role::Operator,
        Role::Admin => pb::Role::Admin,
    }
}
