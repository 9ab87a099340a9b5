//! `unpair`: unlinks the agent, after a confirmation, because the credentials cannot be recovered.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use openclaw_proto::v1::{LinkState, LinkStatus, StatusRequest, UnpairRequest, UnpairResponse};
use prost_types::Timestamp;
use serde::Serialize;

use crate::address::Address;
use crate::cli::UnpairArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::Numbers;
use crate::{client, console};

/// How long to wait for the restart, which takes about 100 ms.
const RETURN_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

#[derive(Serialize)]
struct Json {
    unpaired: bool,
    #[serde(flatten)]
    answer: UnpairResponse,
    /// True if the agent responds again; `null` if it had no reason to restart.
    back: Option<bool>,
}

/// Prompts on a terminal, or requires `--yes`; then unlinks and reports whether WhatsApp confirmed.
pub(crate) async fn run(address: &Address, args: &UnpairArgs, json: bool) -> Result<Exit, Failure> {
    if !args.yes && !io::stdin().is_terminal() {
        return Err(Failure::usage("cannot ask: stdin is not a terminal")
            .with_hint("add --yes to skip the confirmation"));
    }
    let mut agent = client::agent(address).await?;
    let before = client::answer(address, agent.status(StatusRequest {})).await;
    let before = match (before, args.yes) {
        (Err(failure), false) => return Err(failure),
        (before, _) => before.unwrap_or_default(),
    };
    if !args.yes && !confirmed_by_person(before.link.as_ref())? {
        return Err(Failure::new("nothing was changed"));
    }
    // The agent first contacts WhatsApp, which depends on the network.
    let answer = agent.unpair(UnpairRequest {}).await?.into_inner();
    if !json {
        report(
            answer.confirmed,
            before.link.as_ref().is_some_and(is_removed),
        );
    }
    // An agent with an encrypted store replaces its process, so that no key stays in memory.
    let back = match before.vault {
        Some(_) => Some(is_back(address, before.started_at).await),
        None => None,
    };
    if json {
        console::report_json(&Json {
            unpaired: true,
            answer,
            back,
        });
    } else if back == Some(true) {
        console::note(
            "The agent has restarted with an empty store: `openclawctl pair` links it again",
        );
    } else if back == Some(false) {
        console::note(&format!(
            "warning: the agent has not restarted after {} s\nhint: see its log; `openclawctl status` shows when it answers",
            RETURN_TIMEOUT.as_secs()
        ));
    }
    Ok(Exit::Done)
}

/// True if WhatsApp had already removed the device, so that nothing is left to remove on the phone.
fn is_removed(link: &LinkStatus) -> bool {
    link.state() == LinkState::LoggedOut && matches!(link.code, 0 | 401)
}

fn report(confirmed: bool, removed: bool) {
    if confirmed {
        return console::report(
            "Unlinked: WhatsApp confirmed the removal, the credentials are wiped",
        );
    }
    if removed {
        return console::report(
            "Unlinked: the credentials are wiped, WhatsApp had removed the device before",
        );
    }
    console::report("Unlinked: the credentials are wiped, WhatsApp did not confirm");
    console::note("hint: remove the device on the phone: WhatsApp → Settings → Linked devices");
}

/// Waits for a response of a process that started after `before`.
async fn is_back(address: &Address, before: Option<Timestamp>) -> bool {
    let asked = async {
        loop {
            if let Ok(mut agent) = client::agent(address).await
                && let Ok(status) = agent.status(StatusRequest {}).await
                && status.into_inner().started_at != before
            {
                return;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::time::timeout(RETURN_TIMEOUT, asked).await.is_ok()
}

fn confirmed_by_person(link: Option<&LinkStatus>) -> Result<bool, Failure> {
    let from = match link.map(|link| link.phone.as_str()) {
        None | Some("") => String::new(),
        Some(number) => format!(" from {}", Numbers::chosen().show(number)),
    };
    let mut stderr = io::stderr().lock();
    let _ = write!(
        stderr,
        "Unlink this agent{from} and wipe its credentials? [y/N] "
    );
    let _ = stderr.flush();
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
    Ok(matches!(
        line.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
