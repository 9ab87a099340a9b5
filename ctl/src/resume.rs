//! `resume`: the agent connects once more with the credentials that it has, and this says what came of it.

use openclaw_proto::v1::{LinkState, LinkStatus, ResumeRequest};

use crate::address::Address;
use crate::cli::ResumeArgs;
use crate::failure::{Exit, Failure};
use crate::render::json;
use crate::render::status::{Numbers, headline, needs_person, state_word};
use crate::{client, clock, console, duration};

/// Exit code 0 means that the agent is connected.
pub(crate) async fn run(address: &Address, args: &ResumeArgs, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    let request = ResumeRequest {
        timeout: duration::to_wire(args.timeout),
    };
    let answer = client::taken(agent.resume(request).await?);
    let link = answer.link.unwrap_or_default();
    if json {
        console::json(&json::Resumed::new(link.clone()))?;
    }
    if link.state() != LinkState::Connected {
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
            .with_reason(state_word(state).to_ascii_uppercase())
            .with_hint(link.hint);
    }
    Failure::new(format!("not connected yet: {words}"))
        .with_reason("NOT_CONNECTED")
        .with_hint("the agent continues by itself: `openclawctl status` says when it is connected")
}
