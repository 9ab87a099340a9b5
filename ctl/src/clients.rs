//! `clients`: who may call the agent over the network, and changes of that.

use openclaw_proto::v1::{
    Client, Invitation, InviteClientRequest, InviteClientResponse, ListClientsRequest,
    ListClientsResponse, RevokeClientRequest, Role,
};
use openclaw_trust::Code;
use prost_types::Timestamp;
use serde::Serialize;

use crate::address::Address;
use crate::cli::{ClientsCommand, RoleName};
use crate::failure::{Exit, Failure};
use crate::render::json::time;
use crate::render::time::{ago, until};
use crate::text::one_line;
use crate::{client, clock, console};

#[derive(Serialize)]
struct Json {
    name: String,
    role: &'static str,
    fingerprint: String,
    enrolled_at: Option<String>,
    last_seen_at: Option<String>,
    connections: u32,
}

#[derive(Serialize)]
struct Invited {
    code: String,
    role: &'static str,
    name: String,
    expires_at: Option<String>,
    address: String,
}

/// A code that is still good. Which one it is, nobody is told.
#[derive(Serialize)]
struct Open {
    invitation: bool,
    role: &'static str,
    name: String,
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct Revoked {
    revoked: String,
    role: &'static str,
    fingerprint: String,
}

#[derive(Serialize)]
struct Made<'a> {
    code: &'a str,
}

/// Asks the agent, and prints.
pub(crate) async fn run(
    address: &Address,
    command: &ClientsCommand,
    json: bool,
) -> Result<Exit, Failure> {
    let mut clients = client::clients(address).await?;
    match command {
        ClientsCommand::List => {
            let call = clients.list_clients(ListClientsRequest {});
            let listed = client::answer(address, call).await?;
            list(listed, json)?;
        }
        ClientsCommand::Invite { role, name } => {
            let call = clients.invite_client(InviteClientRequest {
                role: Role::from(*role).into(),
                name: name.clone().unwrap_or_default(),
            });
            let invited = client::answer(address, call).await?;
            invite(invited, address, json);
        }
        ClientsCommand::Revoke { client } => {
            let client = client.clone();
            let call = clients.revoke_client(RevokeClientRequest { client });
            let revoked = client::answer(address, call).await?.client;
            revoke(revoked.unwrap_or_default(), json);
        }
        // It asks nobody, and was done before.
        ClientsCommand::NewCode => {}
    }
    Ok(Exit::Done)
}

/// Makes a code for an agent that is yet to be set up.
pub(crate) fn new_code(json: bool) -> Result<Exit, Failure> {
    let code = Code::generate().map_err(|error| Failure::new(error.to_string()))?;
    let code = code.reveal();
    if json {
        console::json(&Made { code: &code })?;
        return Ok(Exit::Done);
    }
    console::line(&code)?;
    console::note(
        "note: set it as OPENCLAW_ENROLL_CODE of the agent; it is good once, for 15 minutes from the agent's first start with it\nhint: then `openclawctl enroll HOST:PORT`, and type or paste the code",
    );
    Ok(Exit::Done)
}

fn list(listed: ListClientsResponse, json: bool) -> Result<(), Failure> {
    let ListClientsResponse {
        clients,
        invitations,
    } = listed;
    let nobody = clients.is_empty();
    for client in clients {
        if json {
            console::json(&Json::from(client))?;
        } else {
            console::line(&line(&client, clock::now()))?;
        }
    }
    for invitation in invitations {
        if json {
            console::json(&Open::from(invitation))?;
        } else {
            console::line(&open_line(&invitation, clock::now()))?;
        }
    }
    if nobody && !json {
        console::note("hint: nobody is enrolled: `openclawctl clients invite` makes a code");
    }
    Ok(())
}

/// `laptop               admin     SHA256:…  connected, enrolled 3 days ago`
fn line(client: &Client, now: Timestamp) -> String {
    let Client {
        name,
        fingerprint,
        role: _,
        enrolled_at,
        last_seen_at,
        connections,
    } = client;
    let seen = match (connections, last_seen_at) {
        (0, None) => "never seen".to_owned(),
        (0, Some(at)) => format!("seen {}", ago(*at, now)),
        _ => "connected".to_owned(),
    };
    let enrolled =
        enrolled_at.map_or_else(String::new, |at| format!(", enrolled {}", ago(at, now)));
    let (name, fingerprint) = (one_line(name), one_line(fingerprint));
    format!(
        "{name:<20} {:<9} {fingerprint}  {seen}{enrolled}",
        word(client.role())
    )
}

/// `(invited) laptop     reader    a code that ends in 12 min`
fn open_line(invitation: &Invitation, now: Timestamp) -> String {
    let Invitation {
        name,
        role: _,
        expires_at,
    } = invitation;
    let who = match name.as_str() {
        "" => "(invited)".to_owned(),
        name => format!("(invited) {}", one_line(name)),
    };
    let end = expires_at.map_or_else(String::new, |at| {
        format!(", good until {} ({})", whole(at), until(at, now))
    });
    format!("{who:<20} {:<9} a code{end}", word(invitation.role()))
}

/// The code is shown once: without stdout it goes to stderr, or no one could use it.
fn invite(invited: InviteClientResponse, address: &Address, json: bool) {
    let role = word(invited.role());
    let InviteClientResponse {
        code,
        expires_at,
        role: _,
        name,
        address: told,
    } = invited;
    if json {
        return console::report_json(&Invited {
            code,
            role,
            name,
            expires_at: time(expires_at),
            address: told,
        });
    }
    console::report(&one_line(&code));
    let whose = match name.as_str() {
        "" => String::new(),
        name => format!(" called {}", one_line(name)),
    };
    let end = expires_at.map_or_else(String::new, |at| {
        format!(", until {} ({})", whole(at), until(at, clock::now()))
    });
    // Where this user reaches the agent, unless the agent knows better.
    let place = match (told.as_str(), address) {
        ("", Address::Context(context)) => context.endpoint().to_string(),
        ("", _) => "HOST:PORT".to_owned(),
        (told, _) => one_line(told),
    };
    console::note(&format!(
        "note: good once, for one {role}{whose}{end}\nhint: there, `openclawctl enroll {place}`, and type or paste the code"
    ));
}

/// Nobody reads fractions of a second.
const fn whole(at: Timestamp) -> Timestamp {
    Timestamp { nanos: 0, ..at }
}

fn revoke(client: Client, json: bool) {
    let role = word(client.role());
    let Client {
        name, fingerprint, ..
    } = client;
    if json {
        return console::report_json(&Revoked {
            revoked: name,
            role,
            fingerprint,
        });
    }
    console::report(&format!(
        "Revoked: {} ({role}), {}",
        one_line(&name),
        one_line(&fingerprint)
    ));
}

/// A role in one word, the same in JSON.
pub(crate) const fn word(role: Role) -> &'static str {
    match role {
        Role::Unspecified => "unknown",
        Role::Reader => "reader",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Reader => Self::Reader,
            RoleName::Operator => Self::Operator,
            RoleName::Admin => Self::Admin,
        }
    }
}

impl From<Client> for Json {
    fn from(client: Client) -> Self {
        let role = word(client.role());
        let Client {
            name,
            fingerprint,
            role: _,
            enrolled_at,
            last_seen_at,
            connections,
        } = client;
        Self {
            name,
            role,
            fingerprint,
            enrolled_at: time(enrolled_at),
            last_seen_at: time(last_seen_at),
            connections,
        }
    }
}

impl From<Invitation> for Open {
    fn from(invitation: Invitation) -> Self {
        let role = word(invitation.role());
        let Invitation {
            name,
            role: _,
            expires_at,
        } = invitation;
        Self {
            invitation: true,
            role,
            name,
            expires_at: time(expires_at),
        }
    }
}
