//! `status`: how the agent is, in a few lines or as JSON.

use openclaw_proto::v1::StatusRequest;

use crate::address::Address;
use crate::cli::StatusArgs;
use crate::failure::{Exit, Failure};
use crate::render::json;
use crate::render::status::{Numbers, lines};
use crate::{client, clock, console};

/// Asks once and prints. Whatever the state of the link, an answer is success.
pub(crate) async fn run(address: &Address, args: &StatusArgs, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    let status = client::answer(address, agent.status(StatusRequest {})).await?;
    let numbers = if args.show_numbers {
        Numbers::Full
    } else {
        Numbers::Masked
    };
    if json {
        console::json(&json::Status::new(&status, numbers))?;
    } else {
        console::write(&lines(&status, numbers, clock::now()))?;
    }
    Ok(Exit::Done)
}
