//! `status`: how the agent is, in a few lines or as JSON.

use openclaw_proto::v1::StatusRequest;

use crate::address::Address;
use crate::cli::StatusArgs;
use crate::failure::{Exit, Failure};
use crate::render::json;
use crate::render::status::{Detail, Numbers, lines};
use crate::rollback::Lookout;
use crate::{client, clock, console};

/// Asks and prints. Whatever the state of the link, an answer is success.
pub(crate) async fn run(address: &Address, args: &StatusArgs, json: bool) -> Result<Exit, Failure> {
    let StatusArgs {
        show_numbers: _,
        verbose,
        accept_rollback,
    } = *args;
    let mut agent = client::agent(address).await?;
    let status = client::answer(address, agent.status(StatusRequest {})).await?;
    let mut lookout = Lookout::new(json);
    let rolled_back = if accept_rollback {
        lookout.accept(&status)?;
        Some(false)
    } else {
        lookout.judge(&status, &mut agent).await
    };
    let numbers = Numbers::chosen();
    let shown = json::Status::new(&status, numbers, rolled_back);
    let detail = if verbose { Detail::All } else { Detail::Wrong };
    let lines = lines(&status, numbers, detail, clock::now());
    match (json, accept_rollback) {
        // What was accepted is, whatever happens to the output.
        (true, true) => console::report_json(&shown),
        (true, false) => console::json(&shown)?,
        (false, true) => console::report(lines.trim_end()),
        (false, false) => console::write(&lines)?,
    }
    Ok(Exit::Done)
}
