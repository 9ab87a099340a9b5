//! `history`: older messages of a chat, from the account's phone.

use std::time::Duration;

use openclaw_proto::v1::fetch_history_request::Start;
use openclaw_proto::v1::message_ref::By;
use openclaw_proto::v1::{FetchHistoryRequest, FetchHistoryResponse, HistoryMessage, MessageRef};

use crate::address::Address;
use crate::cli::HistoryArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::recipient;
use crate::progress::Progress;
use crate::render::event;
use crate::{client, clock, console};

/// The largest page in the contract.
const MAX_PAGE_SIZE: u32 = 50;
/// The agent waits 30 seconds for the phone, and a minute for its file.
const PHONE_TIMEOUT: Duration = Duration::from_secs(120);

/// Prints messages up to the requested number, newest first.
pub(crate) async fn run(
    address: &Address,
    args: &HistoryArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let mut start = match (&args.chat, args.before) {
        (_, Some(seq)) => Start::Before(MessageRef {
            by: Some(By::Seq(seq)),
        }),
        (chat, None) => Start::Chat(recipient("CHAT", chat.as_deref().unwrap_or_default())?),
    };
    let mut sent_at = None;
    let mut left = args.count;
    let mut hidden = 0;
    let mut chats = client::chats(address).await?;
    loop {
        let request = FetchHistoryRequest {
            start: Some(start),
            sent_at,
            count: left.min(MAX_PAGE_SIZE),
        };
        let mut progress = Progress::new(json);
        progress.replace("Waiting for the phone");
        let call = chats.fetch_history(request);
        let answer = client::answer_within(address, PHONE_TIMEOUT, call).await;
        drop(progress);
        let FetchHistoryResponse {
            messages,
            more,
            not_allowed,
            left_out: _,
            next_before,
            next_sent_at,
        } = answer?;
        for message in &messages {
            print(message, json)?;
            left = left.saturating_sub(1);
        }
        hidden += not_allowed;
        match next_before.filter(|_| more && left > 0) {
            Some(next) => (start, sent_at) = (Start::Before(next), next_sent_at),
            None => break,
        }
    }
    if hidden > 0 {
        console::note(&format!(
            "note: messages that the allowlist hides: {hidden}"
        ));
    } else if left == args.count && !json {
        console::note("The phone has no older messages of this chat");
    }
    Ok(Exit::Done)
}

fn print(message: &HistoryMessage, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(message);
    }
    let line = event::history(message, clock::now());
    line.map_or(Ok(()), |line| console::line(&line))
}
