//! Enrolled clients, invitations and limits.

use openclaw_proto::v1 as pb;
use openclaw_state::clients::{Client, Invitation};
use openclaw_state::clock;
use openclaw_state::send_to::{MAX_RECIPIENTS, SendTo};
use openclaw_trust::{Code, Role, enroll};
use openclaw_types::Recipient;
use prost_types::Timestamp;
use tonic::Status;

use super::{UnknownValue, count, invalid, page};
use crate::edge::grpc::Network;
use crate::edge::grpc::listen::{Caller, Transport};

/// A recipient limit that is invalid.
#[derive(Debug, thiserror::Error)]
enum BadLimit {
    #[error("at most {MAX_RECIPIENTS} recipients can be named")]
    TooMany,
    #[error(
        "is empty: set `known`, or list recipients; for a client that sends nothing, use the role reader"
    )]
    NoOne,
    #[error("a reader cannot send: leave the limit out, or invite a sender")]
    Reader,
    #[error("a limit has no effect on an admin: leave it out, or invite a sender or an operator")]
    Admin,
}

pub(in crate::edge::grpc) fn clients(
    request: &pb::ListClientsRequest,
    clients: Vec<Client>,
    invitations: Vec<Invitation>,
) -> Result<pb::ListClientsResponse, Status> {
    let pb::ListClientsRequest {
        page_size,
        page_token,
    } = request;
    let name = |it: &Client| it.name.clone();
    let page = page(clients, *page_size, page_token, name)?;
    let invitations = invitations.into_iter().filter(|_| page_token.is_empty());
    Ok(pb::ListClientsResponse {
        clients: page.items.into_iter().map(client).collect(),
        invitations: invitations.map(invitation).collect(),
        next_page_token: page.next,
    })
}

pub(in crate::edge::grpc) fn client(client: Client) -> pb::Client {
    let Client {
        name,
        fingerprint,
        role: may,
        enrolled_at,
        last_seen,
        connections,
        send_to,
    } = client;
    pb::Client {
        name,
        fingerprint: fingerprint.to_string(),
        role: role(may).into(),
        enrolled_at: Some(Timestamp::from(enrolled_at)),
        last_seen_at: last_seen.map(Timestamp::from),
        connections: count(connections),
        send_to: send_to.as_ref().map(limit),
    }
}

fn invitation(invitation: Invitation) -> pb::Invitation {
    let Invitation {
        name,
        role: may,
        expires_at,
        send_to,
    } = invitation;
    pb::Invitation {
        name: name.unwrap_or_default(),
        role: role(may).into(),
        expires_at: Some(Timestamp::from(clock::shown(expires_at))),
        send_to: send_to.as_ref().map(limit),
    }
}

pub(in crate::edge::grpc) fn invite_request(
    request: pb::InviteClientRequest,
) -> Result<(Role, Option<String>, Option<SendTo>), Status> {
    let pb::InviteClientRequest {
        role,
        name,
        send_to,
    } = request;
    let wanted = match pb::Role::try_from(role) {
        Ok(pb::Role::Unspecified | pb::Role::Sender) => Role::Sender,
        Ok(pb::Role::Operator) => Role::Operator,
        Ok(pb::Role::Reader) => Role::Reader,
        Ok(pb::Role::Admin) => Role::Admin,
        Err(_) => return Err(invalid("role", &UnknownValue(role))),
    };
    let name = Some(name).filter(|name| !name.is_empty());
    if let Some(name) = &name {
        enroll::check_name(name).map_err(|error| invalid("name", &error))?;
    }
    let send_to = send_to.map(|limit| limit_of(wanted, limit)).transpose()?;
    Ok((wanted, name, send_to))
}

fn limit_of(role: Role, limit: pb::RecipientLimit) -> Result<SendTo, Status> {
    let pb::RecipientLimit { known, recipients } = limit;
    let bad = match role {
        Role::Reader => Some(BadLimit::Reader),
        Role::Admin => Some(BadLimit::Admin),
        Role::Sender | Role::Operator if !known && recipients.is_empty() => Some(BadLimit::NoOne),
        Role::Sender | Role::Operator => {
            (recipients.len() > MAX_RECIPIENTS).then_some(BadLimit::TooMany)
        }
    };
    if let Some(bad) = bad {
        return Err(invalid("send_to", &bad));
    }
    let recipients = recipients.iter().enumerate().map(|(index, text)| {
        let field = || format!("send_to.recipients[{index}]");
        let recipient = text.parse::<Recipient>();
        recipient.map_err(|error| invalid(&field(), &error))
    });
    Ok(SendTo {
        known,
        recipients: recipients.collect::<Result<_, _>>()?,
    })
}

fn limit(limit: &SendTo) -> pb::RecipientLimit {
    let SendTo { known, recipients } = limit;
    pb::RecipientLimit {
        known: *known,
        recipients: recipients.iter().map(Recipient::address).collect(),
    }
}

pub(in crate::edge::grpc) fn invited(
    code: &Code,
    invitation: Invitation,
    address: &str,
) -> pb::InviteClientResponse {
    let Invitation {
        name,
        role: may,
        expires_at,
        send_to: _,
    } = invitation;
    pb::InviteClientResponse {
        code: code.reveal().to_string(),
        expires_at: Some(Timestamp::from(clock::shown(expires_at))),
        role: role(may).into(),
        name: name.unwrap_or_default(),
        address: address.to_owned(),
    }
}

pub(in crate::edge::grpc) fn caller(caller: Option<&Caller>) -> Option<pb::Caller> {
    let Caller {
        client,
        role: may,
        send_to,
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
        transport: transport(*via).into(),
        send_to: send_to.as_deref().map(limit),
    })
}

pub(in crate::edge::grpc) fn tls(network: &Network) -> Option<pb::Tls> {
    let (address, fingerprint) = network.tls?;
    Some(pb::Tls {
        fingerprint: fingerprint.to_string(),
        address: address.to_string(),
    })
}

const fn role(role: Role) -> pb::Role {
    match role {
        Role::Reader => pb::Role::Reader,
        Role::Sender => pb::Role::Sender,
        Role::Operator => pb::Role::Operator,
        Role::Admin => pb::Role::Admin,
    }
}

const fn transport(via: Transport) -> pb::Transport {
    match via {
        Transport::Tls => pb::Transport::Tls,
        Transport::Unix => pb::Transport::Unix,
        Transport::Loopback => pb::Transport::Loopback,
    }
}

#[cfg(test)]
mod tests {
    use openclaw_proto::ERROR_HINT;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;

    fn request(role: pb::Role, known: bool, recipients: &[&str]) -> pb::InviteClientRequest {
        let recipients = recipients.iter().map(|text| (*text).to_owned()).collect();
        pb::InviteClientRequest {
            role: role.into(),
            name: String::new(),
            send_to: Some(pb::RecipientLimit { known, recipients }),
        }
    }

    #[test]
    fn a_limit_round_trips() {
        let people = ["+15550100123", "1@lid", "120363000000000001@g.us"];
        for role in [pb::Role::Unspecified, pb::Role::Sender, pb::Role::Operator] {
            let request = request(role, true, &people);
            let (_, _, limited) = invite_request(request.clone()).unwrap();
            assert_eq!(Some(limit(&limited.unwrap())), request.send_to);
        }
        let (_, _, limited) = invite_request(pb::InviteClientRequest::default()).unwrap();
        assert_eq!(limited, None);
        let (_, _, limited) = invite_request(request(pb::Role::Sender, true, &[])).unwrap();
        assert!(limited.unwrap().known);
    }

    #[test]
    fn an_invalid_limit_is_refused() {
        let many = ["1@lid"; MAX_RECIPIENTS + 1];
        let some = ["+15550100123"];
        let cases: [(&str, pb::Role, bool, &[&str]); 7] = [
            ("send_to", pb::Role::Sender, false, &[]),
            ("send_to", pb::Role::Sender, false, &many),
            ("send_to", pb::Role::Reader, true, &some),
            ("send_to", pb::Role::Reader, false, &[]),
            ("send_to", pb::Role::Admin, true, &some),
            (
                "send_to.recipients[1]",
                pb::Role::Sender,
                true,
                &["1@lid", "SECRET"],
            ),
            ("send_to.recipients[0]", pb::Role::Sender, true, &[""]),
        ];
        for (field, role, known, recipients) in cases {
            let status = invite_request(request(role, known, recipients)).unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert!(status.message().starts_with(field), "{}", status.message());
            assert!(!status.message().contains("SECRET"));
            let info = status.get_details_error_info().unwrap();
            assert_eq!(info.metadata["field"], field);
            assert!(!info.metadata[ERROR_HINT].is_empty());
        }
        assert!(invite_request(request(pb::Role::Sender, false, &many[1..])).is_ok());
    }
}
