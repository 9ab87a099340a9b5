//! `outbox`: what waits to be sent, seen and taken back.

use openclaw_proto::v1::{CancelSendRequest, CancelSendResponse, ListQueueRequest, QueuedMessage};
use prost_types::Timestamp;
use serde::Serialize;

use crate::address::Address;
use crate::cli::OutboxCommand;
use crate::failure::{Exit, Failure};
use crate::numbers::Numbers;
use crate::render::json::time;
use crate::render::time::{ago, until};
use crate::text::one_line;
use crate::{client, clock, console};

#[derive(Serialize)]
struct Waiting {
    token: String,
    message_id: String,
    to: String,
    queued_at: Option<String>,
    queued_until: Option<String>,
    handed_over: bool,
    attempts: u32,
    reason: Option<String>,
    retry_at: Option<String>,
    code: u32,
    meaning: String,
    held: bool,
}

#[derive(Serialize)]
struct Cancelled {
    cancelled: bool,
    message_id: String,
    never_sent: bool,
}

/// Lists what waits, or takes one message back.
pub(crate) async fn run(
    address: &Address,
    command: &OutboxCommand,
    json: bool,
) -> Result<Exit, Failure> {
    match command {
        OutboxCommand::List => list(address, json).await,
        OutboxCommand::Cancel { token } => cancel(address, token, json).await,
    }
}

async fn list(address: &Address, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    let answer = client::answer(address, agent.list_queue(ListQueueRequest {})).await?;
    if answer.messages.is_empty() && !json {
        console::note("Nothing waits to be sent");
    }
    let now = clock::now();
    for message in answer.messages {
        if json {
            console::json(&Waiting::from(message))?;
        } else {
            console::line(&line(&message, now))?;
        }
    }
    Ok(Exit::Done)
}

async fn cancel(address: &Address, token: &str, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    let request = CancelSendRequest {
        token: token.to_owned(),
    };
    let answer = client::answer(address, agent.cancel_send(request)).await?;
    let CancelSendResponse {
        message_id,
        never_sent,
    } = answer;
    if json {
        console::report_json(&Cancelled {
            cancelled: true,
            message_id,
            never_sent,
        });
        return Ok(Exit::Done);
    }
    let id = one_line(&message_id);
    if never_sent {
        console::report(&format!("Cancelled: {id} was never sent"));
    } else {
        console::report(&format!("Cancelled: {id} is not sent again"));
        console::note(
            "warning: it was handed to WhatsApp before, which did not acknowledge it: it may have arrived",
        );
    }
    Ok(Exit::Done)
}

/// `t-1  to +1 555 XXX XXXX, queued 4 s ago, gives up in 59 min`
fn line(message: &QueuedMessage, now: Timestamp) -> String {
    let to = match message.to.as_str() {
        jid if jid.contains('@') => Numbers::chosen().show_jid(jid),
        number => Numbers::chosen().show(number),
    };
    let since = message
        .queued_at
        .map_or_else(String::new, |at| ago(at, now));
    let end = message
        .queued_until
        .map_or_else(String::new, |at| until(at, now));
    let mut said = format!(
        "{}  to {}, queued {since}, gives up {end}",
        one_line(&message.token),
        one_line(&to)
    );
    if message.held {
        said.push_str("; held: `openclawctl status` says why");
    } else if message.handed_over {
        said.push_str("; handed to WhatsApp, not acknowledged yet");
    } else if message.attempts > 0 {
        let attempts = message.attempts;
        let plural = if attempts == 1 { "" } else { "s" };
        let reason = match message.code {
            0 => one_line(&message.reason),
            code => format!("{code}, {}", one_line(&message.meaning)),
        };
        said.push_str(&format!("; {attempts} attempt{plural} ({reason})"));
        if let Some(at) = message.retry_at {
            said.push_str(&format!(", next {}", until(at, now)));
        }
    }
    said
}

impl From<QueuedMessage> for Waiting {
    fn from(message: QueuedMessage) -> Self {
        let QueuedMessage {
            token,
            message_id,
            to,
            queued_at,
            queued_until,
            handed_over,
            attempts,
            reason,
            retry_at,
            code,
            meaning,
            held,
        } = message;
        Self {
            token,
            message_id,
            to,
            queued_at: time(queued_at),
            queued_until: time(queued_until),
            handed_over,
            attempts,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            retry_at: time(retry_at),
            code,
            meaning,
            held,
        }
    }
}
