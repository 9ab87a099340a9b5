//! `clients`: lists and changes the clients that may call the agent over the network.

use openclaw_proto::v1::clients_client::ClientsClient;
use openclaw_proto::v1::{
    Client, Invitation, InviteClientRequest, InviteClientResponse, ListClientsRequest,
    ListClientsResponse, RecipientLimit, RevokeClientRequest, RevokeClientResponse,
};
use openclaw_trust::Code;
use prost_types::Timestamp;
use serde::Serialize;
use tonic::transport::Channel;

use crate::address::Address;
use crate::cli::ClientsCommand;
use crate::failure::{Exit, Failure};
use crate::numbers::recipient;
use crate::render::caller::{limit, role};
use crate::render::time::{ago, until};
use crate::text::one_line;
use crate::{client, clock, console};
use client::pages;

/// A valid enrolment code, in the list of clients.
#[derive(Serialize)]
struct Open<'a> {
    invitation: bool,
    #[serde(flatten)]
    open: &'a Invitation,
}

/// The value of `--send-to` for chats from which a message is among the newest events.
const KNOWN: &str = "known";

#[derive(Serialize)]
struct CreatedCode<'a> {
    code: &'a str,
}

/// Sends the request, and prints the result.
pub(crate) async fn run(
    address: &Address,
    command: &ClientsCommand,
    json: bool,
) -> Result<Exit, Failure> {
    let mut clients = client::clients(address).await?;
    match command {
        ClientsCommand::List => {
            let listed = all(address, &mut clients).await?;
            list(listed, json)?;
        }
        ClientsCommand::Invite {
            role,
            name,
            send_to,
        } => {
            let call = clients.invite_client(InviteClientRequest {
                role: (*role).into(),
                name: name.clone().unwrap_or_default(),
                send_to: recipients(send_to)?,
            });
            let invited = client::answer(address, call).await?;
            invite(invited, address, json);
        }
        ClientsCommand::Revoke { client } => {
            let client = client.clone();
            let call = clients.revoke_client(RevokeClientRequest { client });
            let revoked = client::answer(address, call).await?;
            revoke(revoked, json);
        }
        // `new-code` needs no agent, and was handled above.
        ClientsCommand::NewCode => {}
    }
    Ok(Exit::Done)
}

/// Creates a code for an agent that is not deployed yet.
pub(crate) fn new_code(json: bool) -> Result<Exit, Failure> {
    let code = Code::generate().map_err(|error| Failure::new(error.to_string()))?;
    let code = code.reveal();
    if json {
        console::json(&CreatedCode { code: &code })?;
        return Ok(Exit::Done);
    }
    console::line(&code)?;
    console::note(
        "note: set it as OPENCLAW_ENROLL_CODE of the agent; it is single-use, and valid for 15 minutes from the agent's first start with it\nhint: then `openclawctl enroll HOST:PORT`, and type or paste the code",
    );
    Ok(Exit::Done)
}

async fn all(
    address: &Address,
    clients: &mut ClientsClient<Channel>,
) -> Result<ListClientsResponse, Failure> {
    let page = async |page_token| {
        let page_size = 0;
        let request = ListClientsRequest {
            page_size,
            page_token,
        };
        client::answer(address, clients.list_clients(request)).await
    };
    pages::all(page).await
}

/// The limit of `--send-to`; `None` without it.
fn recipients(given: &[String]) -> Result<Option<RecipientLimit>, Failure> {
    let (known, named): (Vec<_>, Vec<_>) = given.iter().partition(|to| *to == KNOWN);
    let named = named.into_iter().map(|to| recipient("--send-to", to));
    let recipients = named.collect::<Result<_, _>>()?;
    let known = !known.is_empty();
    Ok((!given.is_empty()).then_some(RecipientLimit { known, recipients }))
}

fn list(listed: ListClientsResponse, json: bool) -> Result<(), Failure> {
    let ListClientsResponse {
        clients,
        invitations,
        next_page_token: _,
    } = listed;
    let none = clients.is_empty();
    for client in clients {
        if json {
            console::json(&client)?;
        } else {
            console::line(&line(&client, clock::now()))?;
        }
    }
    for invitation in invitations {
        if json {
            console::json(&Open {
                invitation: true,
                open: &invitation,
            })?;
        } else {
            console::line(&open_line(&invitation, clock::now()))?;
        }
    }
    if none && !json {
        console::note("hint: no client is enrolled: `openclawctl clients invite` makes a code");
    }
    Ok(())
}

/// `laptop               admin     SHA256:…  connected, enrolled 3 days ago`
fn line(client: &Client, now: Timestamp) -> String {
    let Client {
        name,
        fingerprint,
        role: is,
        enrolled_at,
        last_seen_at,
        connections,
        send_to,
    } = client;
    let seen = match (connections, last_seen_at) {
        (0, None) => "never seen".to_owned(),
        (0, Some(at)) => format!("seen {}", ago(*at, now)),
        _ => "connected".to_owned(),
    };
    let enrolled =
        enrolled_at.map_or_else(String::new, |at| format!(", enrolled {}", ago(at, now)));
    let (name, fingerprint) = (one_line(name), one_line(fingerprint));
    let limit = send_to.as_ref().map_or_else(String::new, limit);
    let role = role(*is);
    format!("{name:<20} {role:<9} {fingerprint}  {seen}{enrolled}{limit}")
}

/// `(invited) laptop     reader    a code that ends in 12 min`
fn open_line(invitation: &Invitation, now: Timestamp) -> String {
    let Invitation {
        name,
        role: is,
        expires_at,
        send_to,
    } = invitation;
    let who = match name.as_str() {
        "" => "(invited)".to_owned(),
        name => format!("(invited) {}", one_line(name)),
    };
    let end = expires_at.map_or_else(String::new, |at| {
        format!(", valid until {} ({})", whole(at), until(at, now))
    });
    let limit = send_to.as_ref().map_or_else(String::new, limit);
    format!("{who:<20} {:<9} a code{end}{limit}", role(*is))
}

/// The code is shown only once: if stdout fails, it goes to stderr, or it would be lost.
fn invite(invited: InviteClientResponse, address: &Address, json: bool) {
    if json {
        return console::report_json(&invited);
    }
    let InviteClientResponse {
        code,
        expires_at,
        role: is,
        name,
        address: public_address,
    } = invited;
    let role = role(is);
    console::report(&one_line(&code));
    let whose = match name.as_str() {
        "" => String::new(),
        name => format!(" called {}", one_line(name)),
    };
    let end = expires_at.map_or_else(String::new, |at| {
        format!(", until {} ({})", whole(at), until(at, clock::now()))
    });
    // The address that this user uses, unless the agent reports a public one.
    let place = match (public_address.as_str(), address) {
        ("", Address::Context(context)) => context.endpoint().to_string(),
        ("", _) => "HOST:PORT".to_owned(),
        (public_address, _) => one_line(public_address),
    };
    console::note(&format!(
        "note: single-use, for one {role}{whose}{end}\nhint: there, `openclawctl enroll {place}`, and type or paste the code"
    ));
}

/// Drops fractions of a second.
const fn whole(at: Timestamp) -> Timestamp {
    Timestamp { nanos: 0, ..at }
}

fn revoke(revoked: RevokeClientResponse, json: bool) {
    if json {
        return console::report_json(&revoked);
    }
    let client = revoked.client.unwrap_or_default();
    console::report(&format!(
        "Revoked: {} ({}), {}",
        one_line(&client.name),
        role(client.role),
        one_line(&client.fingerprint)
    ));
}
