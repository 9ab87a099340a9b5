//! `unpair`: unlinks the agent. It asks first, because the credentials do not come back.

use std::io::{self, IsTerminal as _, Write as _};

use openclaw_proto::v1::{LinkStatus, StatusRequest, UnpairRequest};
use serde::Serialize;

use crate::address::Address;
use crate::cli::UnpairArgs;
use crate::failure::{Exit, Failure};
use crate::{client, console, phone};

#[derive(Serialize)]
struct Json {
    unpaired: bool,
    confirmed: bool,
}

/// Asks on a terminal, or needs `--yes`; then unlinks and says whether WhatsApp confirmed.
pub(crate) async fn run(address: &Address, args: &UnpairArgs, json: bool) -> Result<Exit, Failure> {
    if !args.yes && !io::stdin().is_terminal() {
        return Err(
            Failure::usage("nobody can be asked: stdin is not a terminal")
                .with_hint("add --yes to unlink without asking"),
        );
    }
    let mut agent = client::agent(address).await?;
    if !args.yes {
        let status = client::answer(address, agent.status(StatusRequest {})).await?;
        if !confirmed_by_person(&status.link.unwrap_or_default())? {
            return Err(Failure::new("nothing was changed"));
        }
    }
    // WhatsApp is told first, which takes as long as the network does.
    let answer = agent.unpair(UnpairRequest {}).await?.into_inner();
    if json {
        console::json(&Json {
            unpaired: true,
            confirmed: answer.confirmed,
        })?;
        return Ok(Exit::Done);
    }
    if answer.confirmed {
        console::line("Unlinked: WhatsApp confirmed, the credentials are wiped")?;
    } else {
        console::line("Unlinked: the credentials are wiped, WhatsApp did not confirm")?;
        console::note("hint: remove the device on the phone: WhatsApp → Settings → Linked devices");
    }
    Ok(Exit::Done)
}

fn confirmed_by_person(link: &LinkStatus) -> Result<bool, Failure> {
    let from = match link.phone.as_str() {
        "" => String::new(),
        number => format!(" from {}", phone::masked(number)),
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
        .map_err(|error| Failure::new(format!("read the answer: {error}")))?;
    Ok(matches!(
        line.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
