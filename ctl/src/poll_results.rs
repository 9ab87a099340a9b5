//! `poll-results`: the votes in a poll.

use openclaw_proto::v1::GetPollResultsRequest;

use crate::address::Address;
use crate::cli::TargetArgs;
use crate::failure::{Exit, Failure};
use crate::render::poll;
use crate::send::payload::target;
use crate::{client, console};

/// Prints the question and a line for each option.
pub(crate) async fn run(address: &Address, args: &TargetArgs, json: bool) -> Result<Exit, Failure> {
    let poll = Some(target(args)?);
    let mut chats = client::chats(address).await?;
    let call = chats.get_poll_results(GetPollResultsRequest { poll });
    let results = client::answer(address, call).await?;
    if json {
        console::json(&results)?;
        return Ok(Exit::Done);
    }
    console::write(&poll::results(&results))?;
    for reason in poll::missing(&results) {
        console::note(&format!("note: votes may be missing: {reason}"));
    }
    Ok(Exit::Done)
}
