//! `contact`: what is known of a person, or their picture.

pub(crate) mod picture;

use std::time::Duration;

use openclaw_proto::v1::GetContactRequest;

use crate::address::Address;
use crate::cli::ContactArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::person;
use crate::render::contact;
use crate::{client, clock, console};

/// The agent waits for two answers of WhatsApp, 15 seconds each.
const CONTACT_TIMEOUT: Duration = Duration::from_secs(40);

/// Shows the person, or saves the picture.
pub(crate) async fn run(
    address: &Address,
    args: &ContactArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let ContactArgs {
        who,
        refresh,
        picture,
        saving,
    } = args;
    let contact = person("NUMBER", who)?;
    if let Some(file) = picture {
        return picture::save(address, contact, file, *saving, json).await;
    }
    if saving.preview || saving.force {
        return Err(Failure::usage("--preview and --force are for a picture")
            .with_hint("name its file: --picture FILE"));
    }
    let mut contacts = client::contacts(address).await?;
    let refresh = *refresh;
    let call = contacts.get_contact(GetContactRequest { contact, refresh });
    let answer = client::answer_within(address, CONTACT_TIMEOUT, call).await?;
    let found = answer.contact.unwrap_or_default();
    match json {
        true => console::json(&found)?,
        false => console::write(&contact::page(&found, clock::now()))?,
    }
    Ok(Exit::Done)
}
