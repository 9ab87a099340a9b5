//! `send`, `react`, `edit`, `delete`, `poll`, `vote`: send one message and print its outcome. A message is never sent
//! twice automatically: if the outcome is unknown, the output has the token for repeating the command.

pub(crate) mod file;
pub(crate) mod payload;
mod text_arg;

use std::time::Duration;

use data_encoding::HEXLOWER;
use openclaw_proto::v1::{SendRequest, SendResponse, SendState};
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::address::Address;
use crate::cli::{DeliveryArgs, SendArgs};
use crate::failure::{Exit, Failure, is_transport};
use crate::numbers::Numbers;
use crate::progress::Progress;
use crate::render::event::nack;
use crate::render::word::words;
use crate::rollback::check::RollbackCheck;
use crate::{client, console, duration, text};

/// Reasons of `UNAVAILABLE` that guarantee that nothing was sent.
const NOTHING_SENT: [&str; 5] = [
    "STOPPING",
    "NOT_CHECKED",
    "NOT_ENCRYPTED",
    "NOT_UPLOADED",
    SERVER_ERROR,
];
/// The store was rolled back, and the agent holds sends.
const ROLLED_BACK: &str = "STORE_ROLLED_BACK";
/// WhatsApp's server refused every attempt.
const SERVER_ERROR: &str = "SERVER_ERROR";
/// The agent responds slightly after its own timeout; its response is better than ours.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

/// `send`.
pub(crate) async fn message(
    address: &Address,
    args: &SendArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let Some((kind, path)) = file::of(&args.file) else {
        return deliver(address, payload::message(args)?, &args.delivery, json).await;
    };
    // What is wrong with the rest is reported before anything is uploaded.
    let request = payload::file(args, String::new())?;
    let to = request.to.clone();
    let mut progress = Progress::new(json);
    let media_id = file::upload(address, kind, path, &args.file, &mut progress).await?;
    let request = SendRequest {
        payload: payload::file(args, media_id)?.payload,
        ..request
    };
    // How long its upload to WhatsApp takes depends on the file. After that the agent applies the timeout of the request.
    let sent = submit(address, request, &args.delivery, None, json).await;
    drop(progress);
    conclude(sent?, &args.delivery, &to, json)
}

/// Sends, waits for the requested state, and prints the result.
pub(crate) async fn deliver(
    address: &Address,
    request: SendRequest,
    args: &DeliveryArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let to = request.to.clone();
    let limit = Some(args.timeout.saturating_add(ANSWER_MARGIN));
    let sent = submit(address, request, args, limit, json).await?;
    conclude(sent, args, &to, json)
}

/// Sends, and waits at most so long for the agent's answer.
pub(crate) async fn submit(
    address: &Address,
    request: SendRequest,
    args: &DeliveryArgs,
    limit: Option<Duration>,
    json: bool,
) -> Result<SendResponse, Failure> {
    let token = match &args.token {
        Some(token) => token.clone(),
        None => fresh_token()?,
    };
    let mut agent = client::agent(address).await?;
    // Before the send, since a key that was used twice cannot be unused.
    let mut rollback_check = RollbackCheck::new(json);
    rollback_check.look(&mut agent).await;
    let request = SendRequest {
        client_token: token.clone(),
        wait: args.wait.into(),
        timeout: duration::to_wire(args.timeout),
        queue: args.queue,
        keep_for: args.keep_for.and_then(duration::to_wire),
        seen: rollback_check.seen(),
        ..request
    };
    let answer = tokio::select! {
        answer = agent.send(request) => answer.map_err(|status| {
            let failure = failed(&status, &token);
            // The hint was already printed with the warning.
            let again = rollback_check.has_warned() && failure.reason() == Some(ROLLED_BACK);
            if again && !json { failure.with_hint("") } else { failure }
        })?,
        () = tokio::time::sleep(limit.unwrap_or_default()), if limit.is_some() => {
            return Err(unknown("the agent did not answer in time", &token));
        }
        _ = tokio::signal::ctrl_c() => return Err(unknown("interrupted", &token)),
    };
    Ok(answer.into_inner())
}

/// Reports the state that was reached. `to` is the recipient as given.
fn conclude(
    sent: SendResponse,
    args: &DeliveryArgs,
    to: &str,
    json: bool,
) -> Result<Exit, Failure> {
    let state = sent.state();
    if state == SendState::Failed {
        return Err(Failure::new("WhatsApp refused the message").with_token(sent.client_token));
    }
    if json {
        console::report_json(&sent);
    } else {
        report(&sent, to);
    }
    if state < args.wait && !(args.queue && sent.queued_until.is_some()) {
        return Err(not_reached(&sent, args, to));
    }
    Ok(Exit::Done)
}

/// Prints the line for a person. `to` is the recipient as given.
fn report(sent: &SendResponse, to: &str) {
    let id = text::one_line(&sent.message_id);
    let refused = match &sent.nack {
        None => String::new(),
        Some(refused) => format!("; last refusal: {}", nack(refused)),
    };
    let other = other_spelling(sent, to);
    let whom = other.map_or_else(String::new, |phone| {
        format!(" to {}", Numbers::chosen().show(phone))
    });
    // "Sent" means that WhatsApp's server has the message; before that, it is only accepted.
    let queued_until = sent
        .queued_until
        .map(|until| Timestamp { nanos: 0, ..until });
    console::report(&match (sent.state(), queued_until) {
        (SendState::Accepted, Some(until)) => {
            format!("Accepted{whom}: {id} (queued until {until}{refused})")
        }
        (SendState::Unspecified | SendState::Accepted, _) => {
            format!("Accepted{whom}: {id} (not acknowledged by WhatsApp yet)")
        }
        _ => format!("Sent{whom}: {id} ({})", words::<SendState>(sent.state)),
    });
    if let Some(phone) = other {
        let numbers = Numbers::chosen();
        console::note(&format!(
            "note: WhatsApp uses {} as {}",
            numbers.show(to),
            numbers.show(phone)
        ));
    }
}

/// WhatsApp's spelling of the number, if it differs: numbers of some countries have two.
fn other_spelling<'a>(sent: &'a SendResponse, to: &str) -> Option<&'a str> {
    let phone = sent.recipient.as_ref()?.phone.as_str();
    (to.starts_with('+') && !phone.is_empty() && phone != to).then_some(phone)
}

/// `sent; not delivered within 3 s`: the server has the message, so the command must not be repeated as failed.
fn not_reached(sent: &SendResponse, args: &DeliveryArgs, to: &str) -> Failure {
    let (state, wanted, token) = (sent.state(), args.wait, sent.client_token.clone());
    let (reached, exit) = match state {
        SendState::Unspecified | SendState::Accepted | SendState::Failed => {
            ("accepted".to_owned(), Exit::Failed)
        }
        SendState::ServerAck => ("sent".to_owned(), Exit::Partly),
        SendState::Delivered | SendState::Read => (words::<SendState>(state.into()), Exit::Partly),
    };
    let wanted = match wanted {
        SendState::ServerAck => "at WhatsApp's server".to_owned(),
        other => words::<SendState>(other.into()),
    };
    // In a group, the account's own devices send no confirmation.
    let is_group = to.trim_end().ends_with("@g.us") || sent.chat.ends_with("@g.us");
    let when = if is_group && state == SendState::ServerAck {
        "when another member is online (never in a group without others)"
    } else {
        "when the recipient is online"
    };
    let hint = match exit {
        Exit::Partly => format!(
            "do not send it again: WhatsApp delivers it {when}; to keep waiting, repeat it with `--token {token}`"
        ),
        _ => ask_again(&token),
    };
    Failure::new(format!(
        "{reached}, but not {wanted} within {}",
        duration::words(args.timeout)
    ))
    .with_exit(exit)
    .with_reason("WAIT_EXPIRED")
    .with_hint(hint)
    .with_token(token)
}

/// The failure for a status. After a refusal, nothing was sent; after a timeout or a lost connection, the outcome is
/// unknown.
fn failed(status: &Status, token: &str) -> Failure {
    if is_transport(status) {
        return unknown("the connection to the agent was lost", token);
    }
    let refused = Failure::from(status.clone());
    match status.code() {
        Code::Unavailable
            if refused
                .reason()
                .is_some_and(|why| NOTHING_SENT.contains(&why)) =>
        {
            match refused.reason() {
                // The agent was reached; WhatsApp's server refused the message.
                Some(SERVER_ERROR) => refused.with_exit(Exit::Failed).with_token(token),
                _ => refused,
            }
        }
        Code::DeadlineExceeded | Code::Unavailable | Code::Cancelled => {
            unknown(status.message(), token)
        }
        _ => refused,
    }
}

fn unknown(why: &str, token: &str) -> Failure {
    Failure::new(format!("the outcome is not known: {why}"))
        .with_reason("OUTCOME_UNKNOWN")
        .with_hint(ask_again(token))
        .with_token(token)
}

fn ask_again(token: &str) -> String {
    format!(
        "repeat it with `--token {token}` to get the outcome: a token sends at most one message"
    )
}

/// 128 random bits, so unique.
fn fresh_token() -> Result<String, Failure> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)
        .map_err(|error| Failure::new(format!("cannot make a token: {error}")))?;
    Ok(format!("ctl-{}", HEXLOWER.encode(&bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_new() {
        let tokens: std::collections::HashSet<_> =
            (0..1000).map(|_| fresh_token().unwrap()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() == 36));
    }
}
