//! `status`: shows the state of the agent, in a few lines or as JSON.

use openclaw_proto::v1::{StatusRequest, StatusResponse};
use prost_types::Timestamp;
use serde::Serialize;

use crate::address::Address;
use crate::cli::StatusArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::Numbers;
use crate::render::Detail;
use crate::render::status::lines;
use crate::render::time::span;
use crate::rollback::check::RollbackCheck;
use crate::{client, clock, console};

/// A larger difference of the clocks is reported.
const MAX_SKEW_SECONDS: i64 = 60;

/// The JSON form.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    status: &'a StatusResponse,
    /// `null` if unknown.
    rolled_back: Option<bool>,
}

#[derive(Serialize)]
struct Skew {
    note: &'static str,
    /// How many seconds this machine's clock is ahead of the agent's.
    seconds: i64,
}

/// Queries and prints. Any response is a success, whatever the state of the link.
pub(crate) async fn run(address: &Address, args: &StatusArgs, json: bool) -> Result<Exit, Failure> {
    let StatusArgs {
        show_numbers: _,
        verbose,
        accept_rollback,
    } = *args;
    let mut agent = client::agent(address).await?;
    let status = client::answer(address, agent.status(StatusRequest {})).await?;
    note_skew(json);
    let mut rollback_check = RollbackCheck::new(json);
    let rolled_back = if accept_rollback {
        rollback_check.accept(&status)?;
        Some(false)
    } else {
        rollback_check.judge(&status, &mut agent).await
    };
    let shown = Json {
        status: &status,
        rolled_back,
    };
    let detail = if verbose { Detail::All } else { Detail::Wrong };
    let lines = lines(&status, Numbers::chosen(), detail, clock::now());
    match (json, accept_rollback) {
        // The acceptance is stored, even if the output fails.
        (true, true) => console::report_json(&shown),
        (true, false) => console::json(&shown)?,
        (false, true) => console::report(lines.trim_end()),
        (false, false) => console::write(&lines)?,
    }
    Ok(Exit::Done)
}

/// Notes a difference between this machine's clock and the agent's. Times are relative to the agent's.
fn note_skew(json: bool) {
    let ahead = clock::ahead();
    let seconds = ahead.saturating_abs();
    if seconds <= MAX_SKEW_SECONDS {
        return;
    }
    if json {
        return console::json_note(&Skew {
            note: "clock_skew",
            seconds: ahead.saturating_neg(),
        });
    }
    let direction = if ahead > 0 { "behind" } else { "ahead of" };
    let by = span(Timestamp::default(), Timestamp { seconds, nanos: 0 });
    console::note(&format!(
        "note: this machine's clock is {by} {direction} the agent's; times use the agent's clock"
    ));
}
