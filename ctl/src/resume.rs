//! `resume`: the agent connects once with its stored credentials, and the outcome is printed.

use openclaw_proto::v1::{LinkState, LinkStatus, ResumeRequest, ResumeResponse};
use serde::Serialize;

use crate::address::Address;
use crate::cli::ResumeArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::Numbers;
use crate::render::status::{headline, needs_person};
use crate::render::word::word;
use crate::{client, clock, console, duration};

/// The JSON form.
#[derive(Serialize)]
struct Json<'a> {
    connected: bool,
    #[serde(flatten)]
    resumed: &'a ResumeResponse,
}

/// Exit code 0 means that the agent is connected.
pub(crate) async fn run(address: &Address, args: &ResumeArgs, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    let request = ResumeRequest {
        timeout: duration::to_wire(args.timeout),
    };
    let answer = client::taken(agent.resume(request).await?);
    let connected = answer.link.as_ref().map(LinkStatus::state) == Some(LinkState::Connected);
    if json {
        console::json(&Json {
            connected,
            resumed: &answer,
        })?;
    }
    let link = answer.link.unwrap_or_default();
    if !connected {
        return Err(not_connected(link));
    }
    if !json {
        console::line(&headline(&link, Numbers::chosen(), clock::now()))?;
    }
    Ok(Exit::Done)
}

fn not_connected(link: LinkStatus) -> Failure {
    let state = link.state();
    let words = headline(&link, Numbers::chosen(), clock::now());
    if needs_person(state) {
        return Failure::new(format!("WhatsApp refused: {words}"))
            .with_exit(Exit::Refused)
            .with_reason(word::<LinkState>(link.state).to_ascii_uppercase())
            .with_hint(link.hint);
    }
    Failure::new(format!("not connected yet: {words}"))
        .with_reason("NOT_CONNECTED")
        .with_hint(
            "the agent continues automatically: `openclawctl status` shows when it is connected",
        )
}
