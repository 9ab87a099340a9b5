//! `--all`: asks the agents of all contexts at once, and prints a row for each. It changes nothing on them.
//!
//! An agent that does not answer is a row with the reason, and does not end the command.

mod question;
mod row;
mod table;

use futures::StreamExt as _;
use futures::stream;

use crate::address::Flags;
use crate::cli::Command;
use crate::console;
use crate::context::Name;
use crate::context::store::Store;
use crate::failure::{Exit, Failure};
use crate::progress::Progress;
use question::Question;
use row::Row;

/// How many agents are asked at the same time: each takes a connection and a TLS handshake.
const MAX_AT_ONCE: usize = 64;

/// Asks all agents. The exit code is the highest of theirs.
pub(crate) async fn run(
    flags: Flags<'_>,
    store: &Store,
    command: &Command,
    json: bool,
) -> Result<Exit, Failure> {
    let question = Question::of(command)?;
    let names = names(flags, store)?;
    let total = names.len();
    let mut progress = Progress::new(json);
    let asked = names
        .into_iter()
        .map(|name| Row::ask(store, name, &question));
    // In the order of the contexts, whichever answers first.
    let mut asked = stream::iter(asked).buffered(MAX_AT_ONCE);
    let mut rows = Vec::new();
    while let Some(row) = asked.next().await {
        if json {
            console::json(&row.json())?;
        }
        rows.push(row);
        progress.show(|| format!("asked {} of {total} agents", rows.len()));
    }
    drop(progress);
    if !json {
        let columns = question.headings().len();
        let cells: Vec<_> = rows.iter().map(|row| row.cells(columns)).collect();
        console::write(&table::of(question.headings(), &cells))?;
        note_failure(&rows);
    }
    let exits = rows.iter().map(Row::exit);
    Ok(exits.max_by_key(|exit| exit.code()).unwrap_or(Exit::Done))
}

/// The contexts to ask.
fn names(flags: Flags<'_>, store: &Store) -> Result<Vec<Name>, Failure> {
    if flags.agent.is_some() || flags.context.is_some() {
        return Err(
            Failure::usage("--all asks every agent, --agent and --context name one")
                .with_hint("give only one of them"),
        );
    }
    let names = store.names()?;
    if names.is_empty() {
        return Err(Failure::usage(
            "--all asks the agents of this user's contexts, and there is none",
        )
        .with_reason("NO_CONTEXT")
        .with_hint("`openclawctl enroll HOST:PORT` makes one"));
    }
    Ok(names)
}

/// The table has no room for the next step.
fn note_failure(rows: &[Row]) {
    if let Some(row) = rows.iter().find(|row| row.is_failed()) {
        console::note(&format!(
            "hint: `openclawctl status --context {}` shows what to do",
            row.context()
        ));
    }
}
