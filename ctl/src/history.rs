//! `history`: older messages of a chat, from the account's phone.

use std::time::Duration;

use openclaw_proto::v1::fetch_history_request::Start;
use openclaw_proto::v1::message_ref::By;
use openclaw_proto::v1::{
    FetchHistoryRequest, FetchHistoryResponse, HistoryMessage, MessageKey, MessageRef,
};
use prost_types::Timestamp;

use crate::address::Address;
use crate::cli::HistoryArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::recipient;
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
    let mut chats = client::chats(address).await?;
    loop {
        let request = FetchHistoryRequest {
            start: Some(start),
            sent_at,
            count: left.min(MAX_PAGE_SIZE),
        };
        let call = chats.fetch_history(request);
        let FetchHistoryResponse {
            messages,
            more,
            not_allowed,
            left_out: _,
        } = client::answer_within(address, PHONE_TIMEOUT, call).await?;
        for message in &messages {
            print(message, json)?;
            left = left.saturating_sub(1);
        }
        if not_allowed > 0 {
            console::note(&format!(
                "note: the allowlist hides {not_allowed} of these messages"
            ));
        }
        let last = messages.last().and_then(key);
        match last.filter(|_| more && left > 0) {
            Some((key, at)) => (start, sent_at) = (Start::Before(key), Some(at)),
            None => return Ok(Exit::Done),
        }
    }
}

/// Names a message, and when it was sent.
fn key(message: &HistoryMessage) -> Option<(MessageRef, Timestamp)> {
    let origin = message.message.as_ref()?.origin.as_ref()?;
    let from_me = origin.from_me == Some(true);
    let key = MessageKey {
        chat: origin.chat.clone(),
        id: origin.id.clone(),
        sender: origin.sender.clone().filter(|_| !from_me),
    };
    let by = Some(By::Key(key));
    Some((MessageRef { by }, origin.sent_at?))
}

fn print(message: &HistoryMessage, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(message);
    }
    let line = event::history(message, clock::now());
    line.map_or(Ok(()), |line| console::line(&line))
}
