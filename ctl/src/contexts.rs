//! `context`: manages the agents that this user is enrolled with, and which one is current.

mod add;
mod export;

use std::sync::Arc;

use openclaw_proto::v1::RevokeClientRequest;
use serde::Serialize;

use self::add::Addition;
use crate::address::{Address, Environment, Flags};
use crate::cli::ContextCommand;
use crate::context::store::Store;
use crate::context::{Context, Name};
use crate::failure::{Exit, Failure};
use crate::{client, console, text};

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    current: bool,
    endpoint: String,
    client: &'a str,
    role: &'static str,
    agent: String,
    fingerprint: String,
    enrolled_at: Option<String>,
}

#[derive(Serialize)]
struct Unusable<'a> {
    note: &'static str,
    name: &'a str,
    why: String,
}

#[derive(Serialize)]
struct Used<'a> {
    current: &'a str,
}

#[derive(Serialize)]
struct Renamed<'a> {
    renamed: &'a str,
    to: &'a str,
}

#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
    revoked: bool,
}

/// Runs the command. Only `add` and `remove --revoke` contact an agent.
pub(crate) async fn run(
    flags: Flags<'_>,
    store: &Store,
    command: ContextCommand,
    json: bool,
) -> Result<Exit, Failure> {
    if let (Some(name), false) = (
        flags.context,
        matches!(command, ContextCommand::Export { .. }),
    ) {
        return Err(
            Failure::usage(format!("--context {name} has no meaning here"))
                .with_hint("pass the context as an argument"),
        );
    }
    match command {
        ContextCommand::List => list(store, json)?,
        ContextCommand::Use { name } => {
            let context = store.load(&name)?;
            store.set_current(&name)?;
            if json {
                console::report_json(&Used {
                    current: name.as_str(),
                });
            } else {
                console::report(&format!("Current: {name} ({})", context.endpoint()));
                if let Some(variable) = Environment::read()?.goes_before_current() {
                    console::note(&format!("note: {variable} is set, and overrides it"));
                }
            }
        }
        ContextCommand::Add {
            name,
            endpoint,
            agent_key,
            key_of,
        } => {
            let key_of = match key_of {
                Some(key_of) => key_of,
                None => chosen(store)?.name().clone(),
            };
            let new = Addition {
                name: &name,
                endpoint: &endpoint,
                agent_key,
                key_of: &key_of,
            };
            add::add(store, &new, json).await?;
        }
        ContextCommand::Rename { old, new } => {
            store.rename(&old, &new)?;
            if json {
                console::report_json(&Renamed {
                    renamed: old.as_str(),
                    to: new.as_str(),
                });
            } else {
                console::report(&format!("Renamed: {old} is now {new}"));
            }
        }
        ContextCommand::Remove { name, revoke } => remove(store, &name, revoke, json).await?,
        ContextCommand::Export { pem, force } => {
            let context = match flags.context {
                Some(name) => store.load(name)?,
                None => chosen(store)?,
            };
            export::export(&context, &pem, force, json)?;
        }
    }
    Ok(Exit::Done)
}

/// The context in the environment, else the current one.
fn chosen(store: &Store) -> Result<Context, Failure> {
    let named = Environment::read()?.context()?;
    match named.map_or_else(|| store.current(), |name| Ok(Some(name)))? {
        Some(name) => store.load(&name),
        None => Err(Failure::usage("no context is current")
            .with_hint("name one with --context; `openclawctl context list` shows them")),
    }
}

fn list(store: &Store, json: bool) -> Result<(), Failure> {
    let current = store.current()?;
    let names = store.names()?;
    for name in &names {
        let is_current = current.as_ref() == Some(name);
        match store.load(name) {
            Ok(context) if json => console::json(&listed(&context, is_current))?,
            Ok(context) => console::line(&line(&context, is_current))?,
            Err(failure) if json => console::json_note(&Unusable {
                note: "unusable",
                name: name.as_str(),
                why: failure.to_string(),
            }),
            Err(failure) => console::note(&format!("warning: {name}: {failure}")),
        }
    }
    if names.is_empty() && !json {
        console::note("hint: there is none: `openclawctl enroll HOST:PORT` makes one");
    }
    Ok(())
}

/// `* home    agent.example.com:50051  laptop (admin)  SHA256:…`
fn line(context: &Context, current: bool) -> String {
    let mark = if current { '*' } else { ' ' };
    let client = text::one_line(context.client());
    let who = format!("{client} ({})", context.role());
    let endpoint = context.endpoint().to_string();
    format!(
        "{mark} {:<20} {endpoint:<32} {who:<24} {}",
        context.name(),
        context.agent().fingerprint
    )
}

fn listed(context: &Context, current: bool) -> Listed<'_> {
    Listed {
        name: context.name().as_str(),
        current,
        endpoint: context.endpoint().to_string(),
        client: context.client(),
        role: context.role().name(),
        agent: context.agent().fingerprint.to_string(),
        fingerprint: context.identity().fingerprint().to_string(),
        enrolled_at: context.enrolled_at().map(|at| at.to_string()),
    }
}

async fn remove(store: &Store, name: &Name, revoke: bool, json: bool) -> Result<(), Failure> {
    // An unreadable context can be removed, but not revoked.
    let context = match store.load(name) {
        Err(failure) if revoke || failure.reason() == Some("NO_CONTEXT") => return Err(failure),
        loaded => loaded.ok().map(Arc::new),
    };
    if let (true, Some(context)) = (revoke, &context) {
        revoke_own(context).await?;
    }
    store.remove(name)?;
    if json {
        console::report_json(&Removed {
            removed: name.as_str(),
            revoked: revoke,
        });
        return Ok(());
    }
    if revoke {
        console::report(&format!("Removed: {name}, and its key is revoked"));
        return Ok(());
    }
    console::report(&format!("Removed: {name}"));
    let (client, endpoint) = match &context {
        Some(context) => (
            text::one_line(context.client()),
            context.endpoint().to_string(),
        ),
        None => ("NAME".to_owned(), "its endpoint".to_owned()),
    };
    console::note(&format!(
        "note: the agent at {endpoint} still accepts the key: an admin revokes it with `openclawctl clients revoke {client}`"
    ));
    Ok(())
}

/// Asks the agent to revoke this client's key. An unknown key counts as revoked.
async fn revoke_own(context: &Arc<Context>) -> Result<(), Failure> {
    let address = Address::Context(Arc::clone(context));
    let revoked = async {
        let mut clients = client::clients(&address).await?;
        let request = RevokeClientRequest {
            client: context.identity().fingerprint().to_string(),
        };
        client::answer(&address, clients.revoke_client(request)).await
    };
    match revoked.await {
        Ok(_) => Ok(()),
        Err(failure) if failure.reason() == Some("KEY_UNKNOWN") => Ok(()),
        // The agent closes the connections of a revoked client, so the response may be lost.
        Err(failure) if failure.reason() == Some("CONNECTION_LOST") => {
            match client::clients(&address).await {
                Err(again) if again.reason() == Some("KEY_UNKNOWN") => Ok(()),
                _ => Err(failure),
            }
        }
        Err(failure) => Err(failure),
    }
}
