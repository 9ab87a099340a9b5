//! `console`: the agent on a page in a browser of this computer: link, chats, events, outbox, allowlist, alerts, charts.
//!
//! The page asks, this answers from the agent, over the same API and with the same rights as every other command. Each
//! call connects to the agent anew, so that an agent that is down is an error of that call, and the page continues.

mod act;
mod file;
mod linking;
mod live;
mod query;
mod read;
mod shown;
mod site;
mod traffic;

use std::sync::Arc;

use crate::address::Address;
use crate::cli::ConsoleArgs;
use crate::client;
use crate::failure::{Exit, Failure};
use crate::stop::Stops;
use crate::web::{Server, announce, opens};
use site::Console;

/// Serves the page until a signal arrives.
pub(crate) async fn run(
    address: &Address,
    args: &ConsoleArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let server = Server::bind(args.port).await?;
    let mut stops = Stops::listen()?;
    // A wrong address, or an agent that does not run, is better reported here than on the page.
    let stopped = || Failure::new("stopped before the agent was reached");
    stops.or(stopped, client::agent(address)).await?;
    announce(&server, opens(args.no_open, json), json)?;
    let console = Arc::new(Console::new(address.clone()));
    let running = server.serve(Arc::clone(&console));
    stops.next().await;
    console.close();
    running.close().await;
    Ok(Exit::Done)
}
