//! `send`, `react`, `edit`, `delete`, `poll`, `vote`: one message, and what became of it. It never sends twice by itself:
//! when the outcome is not known it says with which token to ask again.

pub(crate) mod payload;
mod text_arg;

use std::time::Duration;

use data_encoding::HEXLOWER;
use openclaw_proto::v1::{SendRequest, SendResponse, SendState};
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::address::Address;
use crate::cli::DeliveryArgs;
use crate::failure::{Exit, Failure, is_transport};
use crate::numbers::Numbers;
use crate::render::event::nack;
use crate::render::word::words;
use crate::rollback::check::RollbackCheck;
use crate::{client, console, duration, text};

/// Why the agent is unavailable for now, and certain that it has sent nothing.
const NOTHING_SENT: [&str; 4] = ["STOPPING", "NOT_CHECKED", "NOT_ENCRYPTED", SERVER_ERROR];
/// The agent's store was rolled back, and it sends nothing.
const ROLLED_BACK: &str = "STORE_ROLLED_BACK";
/// WhatsApp's server did not take it, each time.
const SERVER_ERROR: &str = "SERVER_ERROR";
/// The agent answers a little after the time it was given; its answer is the better one.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

/// Sends, waits for the state asked for, and prints it.
pub(crate) async fn deliver(
    address: &Address,
    request: SendRequest,
    args: &DeliveryArgs,
    json: bool,
) -> Result<Exit, Failure> {
    let to = request.to.clone();
    let token = match &args.token {
        Some(token) => token.clone(),
        None => fresh_token()?,
    };
    let mut agent = client::agent(address).await?;
    // Before, not after: a key that is used twice stays used.
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
            // A person has read what to do about it already.
            let again = rollback_check.has_warned() && failure.reason() == Some(ROLLED_BACK);
            if again && !json { failure.with_hint("") } else { failure }
        })?,
        () = tokio::time::sleep(args.timeout.saturating_add(ANSWER_MARGIN)) => {
            return Err(unknown("the agent did not answer in time", &token));
        }
        _ = tokio::signal::ctrl_c() => return Err(unknown("interrupted", &token)),
    };
    conclude(answer.into_inner(), args, &to, json)
}

/// Reports what was reached. `to` is what was asked for.
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

/// For a person. `to` is what was asked for.
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
    // "Sent" is WhatsApp's server's word. Before it has the message, nothing is sent.
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

/// WhatsApp's spelling of the number, where it is not the one that was given: some countries' numbers have two.
fn other_spelling<'a>(sent: &'a SendResponse, to: &str) -> Option<&'a str> {
    let phone = sent.recipient.as_ref()?.phone.as_str();
    (to.starts_with('+') && !phone.is_empty() && phone != to).then_some(phone)
}

/// `sent; not delivered within 3 s`: what WhatsApp's server has is done, and no failure to be repeated.
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
    // In a group the devices of the account itself confirm nothing.
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

/// A refusal is certain: nothing was sent. A deadline and a lost connection are not.
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
                // The agent was reached: it is WhatsApp's server that does not take it.
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

/// 128 random bits: no other call has them.
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
