//! `pair --web`: the pairing on a page in a browser of this computer. A closed tab does not end it, a reload shows the
//! current state. After a failure the page can begin again, as long as one is open.

mod board;
mod pairing;
mod site;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

pub(crate) use self::pairing::Pairing;
pub(crate) use self::site::Pages;
use super::{frames, outcome};
use crate::address::Address;
use crate::cli::PairArgs;
use crate::failure::{Exit, Failure};
use crate::stop::Stops;
use crate::web::{Server, announce, opens};

/// How long an open page may take to fetch the last state.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// Pairs on a page. Exit codes as without one.
pub(super) async fn run(address: &Address, args: &PairArgs, json: bool) -> Result<Exit, Failure> {
    let request = frames::request(args)?;
    // Before the agent is called, so that an unusable port is reported first.
    let server = Server::bind(args.port).await?;
    let mut stops = Stops::listen()?;
    let (agent, frames) = frames::begin(address, request.clone(), json, &mut stops).await?;
    let opens = opens(args.no_open, json);
    announce(&server, opens, json).map_err(frames::unseen)?;
    let mut pairing = Pairing::new(agent, request, args.compare_code, json);
    let pages = Arc::clone(pairing.pages());
    let server = server.serve(Arc::clone(&pages));
    let linked = pairing.run(Some(frames), &mut stops).await;
    // Ends once the open pages show the end.
    if !pages.audience().is_absent() {
        // A page that was closed shows nothing any more.
        let _ = timeout(FAREWELL_TIMEOUT, pages.audience().informed()).await;
    }
    server.close().await;
    // stdout has only the address, for the program that reads it.
    outcome::report(&linked?, json, !opens);
    Ok(Exit::Done)
}
