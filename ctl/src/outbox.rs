//! `outbox`: lists and cancels queued messages.

use openclaw_proto::v1::{
    CancelSendRequest, CancelSendResponse, ListQueueRequest, QueuedMessage, SendReason,
};
use prost_types::Timestamp;
use serde::Serialize;

use crate::address::Address;
use crate::cli::OutboxCommand;
use crate::failure::{Exit, Failure};
use crate::numbers::Numbers;
use crate::render::event::nack;
use crate::render::time::{ago, until};
use crate::render::word::word;
use crate::text::one_line;
use crate::{client, clock, console};
use client::pages;

#[derive(Serialize)]
struct Cancelled {
    cancelled: bool,
    #[serde(flatten)]
    answer: CancelSendResponse,
}

/// Lists the queue, or cancels a message.
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
    let page = async |page_token| {
        let page_size = 0;
        let request = ListQueueRequest {
            page_size,
            page_token,
        };
        client::answer(address, agent.list_queue(request)).await
    };
    let answer = pages::all(page).await?;
    if answer.messages.is_empty() && !json {
        console::note("The queue is empty");
    }
    let now = clock::now();
    for message in answer.messages {
        if json {
            console::json(&message)?;
        } else {
            console::line(&line(&message, now))?;
        }
    }
    Ok(Exit::Done)
}

async fn cancel(address: &Address, token: &str, json: bool) -> Result<Exit, Failure> {
    let mut agent = client::agent(address).await?;
    let request = CancelSendRequest {
        client_token: token.to_owned(),
    };
    let answer = client::answer(address, agent.cancel_send(request)).await?;
    if json {
        console::report_json(&Cancelled {
            cancelled: true,
            answer,
        });
        return Ok(Exit::Done);
    }
    let id = one_line(&answer.message_id);
    if answer.never_sent {
        console::report(&format!("Cancelled: {id} was never sent"));
    } else {
        console::report(&format!("Cancelled: {id} is not sent again"));
        console::note(
            "warning: it was handed to WhatsApp before, which did not acknowledge it: it may have arrived",
        );
    }
    Ok(Exit::Done)
}

/// `t-1  to +1 555 XXX XXXX, queued 4 s ago, expires in 59 min`
fn line(message: &QueuedMessage, now: Timestamp) -> String {
    let to = Numbers::chosen().show_to(&message.to);
    let since = message
        .queued_at
        .map_or_else(String::new, |at| ago(at, now));
    let end = message
        .queued_until
        .map_or_else(String::new, |at| until(at, now));
    let mut text = format!(
        "{}  to {}, queued {since}, expires {end}",
        one_line(&message.client_token),
        to
    );
    if message.held {
        text.push_str("; held: `openclawctl status` shows why");
    } else if message.handed_over {
        text.push_str("; handed to WhatsApp, not acknowledged yet");
    } else if message.attempts > 0 {
        let attempts = message.attempts;
        let plural = if attempts == 1 { "" } else { "s" };
        let reason = match &message.nack {
            None => word::<SendReason>(message.reason).to_owned(),
            Some(refused) => nack(refused),
        };
        text.push_str(&format!("; {attempts} attempt{plural} ({reason})"));
        if let Some(at) = message.retry_at {
            text.push_str(&format!(", next {}", until(at, now)));
        }
    }
    text
}
