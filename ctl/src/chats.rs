//! `read` and `typing`: what the account does in chats besides sending; and `chats`, the list.

use std::time::Duration;

use openclaw_proto::v1::chats_client::ChatsClient;
use openclaw_proto::v1::message_ref::By;
use openclaw_proto::v1::{
    ListChatsRequest, MarkReadRequest, MessageRef, SetTypingRequest, SetTypingResponse,
};
use serde::Serialize;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::address::Address;
use crate::cli::{ChatsArgs, ReadArgs, TypingArgs};
use crate::failure::{Exit, Failure};
use crate::numbers::{Numbers, recipient};
use crate::render::contact::line;
use crate::stop::Stops;
use crate::{client, clock, console};

/// The largest page in the contract.
const MAX_PAGE_SIZE: u32 = 500;

/// For programs.
#[derive(Serialize)]
struct Marked {
    marked: usize,
}

/// Marks messages as read, all or none.
pub(crate) async fn read(address: &Address, args: &ReadArgs, json: bool) -> Result<Exit, Failure> {
    let mut seqs = args.seqs.clone();
    seqs.sort_unstable();
    seqs.dedup();
    let marked = seqs.len();
    let messages = seqs.into_iter().map(|seq| MessageRef {
        by: Some(By::Seq(seq)),
    });
    let messages = messages.collect();
    let mut chats = client::chats(address).await?;
    let call = chats.mark_read(MarkReadRequest { messages });
    client::answer(address, call).await?;
    match (json, marked) {
        (true, _) => console::report_json(&Marked { marked }),
        (false, 1) => console::report("Marked 1 message as read"),
        (false, _) => console::report(&format!("Marked {marked} messages as read")),
    }
    Ok(Exit::Done)
}

/// Lists chats, newest first.
pub(crate) async fn list(address: &Address, args: &ChatsArgs, json: bool) -> Result<Exit, Failure> {
    let mut chats = client::chats(address).await?;
    let mut left = args.count;
    let mut page_token = String::new();
    loop {
        let request = ListChatsRequest {
            page_size: left.min(MAX_PAGE_SIZE),
            page_token,
            chat_kinds: args.kinds.iter().map(|kind| i32::from(*kind)).collect(),
        };
        let page = client::answer(address, chats.list_chats(request)).await?;
        for one in &page.chats {
            match json {
                true => console::json(one)?,
                false => console::line(&line(one, clock::now()))?,
            }
            left = left.saturating_sub(1);
        }
        if page.chats.is_empty() && left == args.count && !json {
            console::note("No chats");
        }
        page_token = page.next_page_token;
        // A page before the last one has chats, so this ends.
        if page_token.is_empty() || left == 0 || page.chats.is_empty() {
            if page.incomplete && !json {
                console::note("note: there may be more: older events were not read");
            }
            return Ok(Exit::Done);
        }
    }
}

/// Shows typing until it is stopped, or for a time.
pub(crate) async fn typing(
    address: &Address,
    args: &TypingArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let TypingArgs {
        to,
        recording,
        lasts,
    } = args;
    let (to, recording) = (recipient("TO", to)?, *recording);
    let mut stops = Stops::listen()?;
    let mut chats = client::chats(address).await?;
    let request = SetTypingRequest {
        to: to.clone(),
        recording,
    };
    let shown = show(address, &mut chats, request, json);
    tokio::select! {
        failure = shown => Err(failure),
        () = elapsed(*lasts) => Ok(Exit::Done),
        () = stops.next() => Ok(Exit::Done),
    }
}

/// Ends only with a failure: the agent holds the stream as long as this client does.
async fn show(
    address: &Address,
    chats: &mut ChatsClient<Channel>,
    request: SetTypingRequest,
    json: bool,
) -> Failure {
    let what = match request.recording {
        true => "Recording",
        false => "Typing",
    };
    let to = Numbers::chosen().show_to(&request.to);
    let stream = client::answer(address, chats.set_typing(request)).await;
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(failure) => return failure,
    };
    let mut shown = None;
    loop {
        match next(&mut stream).await {
            Err(failure) => return failure,
            // A person sees only changes.
            Ok(item) if json => console::report_json(&item),
            Ok(item) if shown == Some(item.shown) => {}
            Ok(SetTypingResponse { shown: true }) => {
                console::note(&format!("{what} in the chat with {to}; Ctrl-C ends it"));
                shown = Some(true);
            }
            Ok(SetTypingResponse { shown: false }) => {
                console::note(
                    "note: the agent is not connected to WhatsApp; this continues once it is",
                );
                shown = Some(false);
            }
        }
    }
}

async fn next(stream: &mut Streaming<SetTypingResponse>) -> Result<SetTypingResponse, Failure> {
    let item = stream.message().await?;
    item.ok_or_else(|| {
        Failure::new("the agent ended the call")
            .with_reason("STREAM_ENDED")
            .with_hint("the agent is stopping: run the command again once it has restarted")
    })
}

async fn elapsed(lasts: Option<Duration>) {
    match lasts {
        Some(lasts) => tokio::time::sleep(lasts).await,
        None => std::future::pending().await,
    }
}
