//! `context add`: makes a context for an agent that has this user's key in its settings, without a code.
//!
//! Both keys are pinned from the start: the agent's is an argument, and a server with another one is refused.

use std::sync::Arc;

use openclaw_client::Endpoint;
use openclaw_proto::v1::{Role as WireRole, StatusRequest};
use openclaw_trust::{Fingerprint, Role};
use serde::Serialize;

use crate::address::Address;
use crate::client::tls;
use crate::context::store::Store;
use crate::context::{Agent, Context, Enrolled, Name};
use crate::failure::Failure;
use crate::render::word::word;
use crate::{client, clock, console, text};

#[derive(Serialize)]
struct Json<'a> {
    added: &'a str,
    endpoint: String,
    name: &'a str,
    role: &'static str,
    agent: String,
    fingerprint: String,
}

/// The agent to add.
pub(super) struct Addition<'a> {
    pub(super) name: &'a Name,
    pub(super) endpoint: &'a Endpoint,
    pub(super) agent_key: Fingerprint,
    /// The context whose key the agent knows.
    pub(super) key_of: &'a Name,
}

/// Connects with this user's key, and saves the new context once the agent has accepted it.
pub(super) async fn add(store: &Store, new: &Addition<'_>, json: bool) -> Result<(), Failure> {
    let name = new.name;
    if store.names()?.contains(name) {
        return Err(Failure::usage(format!("a context `{name}` exists already"))
            .with_reason("CONTEXT_EXISTS")
            .with_hint("choose another name, or remove that one first"));
    }
    let owner = store.load(new.key_of)?;
    let (client, role) = (owner.client().to_owned(), owner.role());
    let context = new.context(owner, client, role, Vec::new());
    let certificate = openclaw_client::tls::certificate(&context).await;
    let certificate = certificate.map_err(|error| tls::in_addition(&error, &context))?;
    let (client, role) = caller(context).await?;
    let context = new.context(store.load(new.key_of)?, client, role, certificate);
    store.save(&context)?;
    report(&context, json);
    Ok(())
}

impl Addition<'_> {
    /// The new context, with the key of another one.
    fn context(&self, owner: Context, client: String, role: Role, certificate: Vec<u8>) -> Context {
        let agent = Agent {
            fingerprint: self.agent_key,
            certificate,
        };
        let enrolled = Enrolled {
            client,
            role,
            agent,
            at: clock::now(),
        };
        owner.at(self.name.clone(), self.endpoint.clone(), enrolled)
    }
}

/// This client's name and role on the agent.
async fn caller(context: Context) -> Result<(String, Role), Failure> {
    let address = Address::Context(Arc::new(context));
    let mut agent = client::agent(&address).await?;
    let status = client::answer(&address, agent.status(StatusRequest {})).await?;
    let caller = status.caller.unwrap_or_default();
    let role = word::<WireRole>(caller.role).parse().map_err(|_| {
        Failure::new("the agent gave this client a role that this version does not know")
            .with_hint("update openclawctl")
    })?;
    Ok((caller.name, role))
}

fn report(context: &Context, json: bool) {
    let (name, endpoint, role) = (context.name(), context.endpoint(), context.role().name());
    if json {
        return console::report_json(&Json {
            added: name.as_str(),
            endpoint: endpoint.to_string(),
            name: context.client(),
            role,
            agent: context.agent().fingerprint.to_string(),
            fingerprint: context.identity().fingerprint().to_string(),
        });
    }
    let client = text::one_line(context.client());
    console::report(&format!(
        "Added: {name}, the agent at {endpoint}, as \"{client}\" ({role})"
    ));
}
