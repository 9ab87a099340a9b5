//! `send`: one message, and what became of it. It never sends twice by itself: when the outcome is
//! not known it says with which token to ask again.

use std::io::{self, IsTerminal as _, Read as _};
use std::time::Duration;

use data_encoding::HEXLOWER;
use openclaw_proto::v1::{SendRequest, SendResponse, SendState};
use openclaw_types::{MAX_TEXT_CHARS, Text, TextError};
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::address::Address;
use crate::cli::SendArgs;
use crate::failure::{Exit, Failure, is_transport};
use crate::numbers::{Numbers, recipient};
use crate::render::event::nack;
use crate::render::word::words;
use crate::rollback::check::RollbackCheck;
use crate::{client, console, duration, text};

/// How much is read from stdin: more than a text may have, also when every character has four bytes, so that its length
/// can be named.
const MAX_PIPED_BYTES: u64 = 1024 * 1024;
/// Why the agent is unavailable for now, and certain that it has sent nothing.
const NOTHING_SENT: [&str; 4] = ["STOPPING", "NOT_CHECKED", "NOT_ENCRYPTED", SERVER_ERROR];
/// The agent's store was rolled back, and it sends nothing.
const ROLLED_BACK: &str = "STORE_ROLLED_BACK";
/// WhatsApp's server did not take it, each time.
const SERVER_ERROR: &str = "SERVER_ERROR";
/// The agent answers a little after the time it was given; its answer is the better one.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);

/// Sends, waits for the state asked for, and prints it.
pub(crate) async fn run(address: &Address, args: &SendArgs, json: bool) -> Result<Exit, Failure> {
    let to = recipient("TO", &args.to)?;
    let text = text_to_send(args.text.as_deref())?;
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
        ..SendRequest::of_text(to.as_str(), text)
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
fn conclude(sent: SendResponse, args: &SendArgs, to: &str, json: bool) -> Result<Exit, Failure> {
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
        return Err(not_reached(state, args.wait, args, sent.client_token));
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
fn not_reached(state: SendState, wanted: SendState, args: &SendArgs, token: String) -> Failure {
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
    let is_group = args.to.trim_end().ends_with("@g.us");
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

/// The argument, or stdin.
fn text_to_send(argument: Option<&str>) -> Result<String, Failure> {
    let text = match argument {
        Some("-") => from_stdin()?,
        Some(text) => text.to_owned(),
        None if io::stdin().is_terminal() => {
            return Err(Failure::usage("no text to send")
                .with_hint("give it as the second argument, or pipe it into stdin"));
        }
        None => from_stdin()?,
    };
    match Text::try_from(text) {
        Ok(text) => Ok(String::from(text)),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

fn from_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_PIPED_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot read stdin: {error}")))?;
    piped_text(bytes)
}

/// The newline that ends piped text is not part of the message.
fn piped_text(mut bytes: Vec<u8>) -> Result<String, Failure> {
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        } else {
            break;
        }
    }
    // Before the encoding: what was cut off may end within a character.
    let chars = bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
    if chars > MAX_TEXT_CHARS {
        return Err(Failure::usage(TextError::TooLong { chars }.to_string()));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage("stdin is not UTF-8 text"))
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
    fn piped_text_loses_the_line_end_and_nothing_else() {
        for (piped, text) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a\r", " a\r"),
        ] {
            assert_eq!(piped_text(piped.into()).ok().as_deref(), Some(text));
        }
        assert!(piped_text(vec![0xff]).is_err());
    }

    #[test]
    fn a_text_that_is_cut_off_within_a_character_is_too_long_not_garbled() {
        let mut bytes = "é".repeat(MAX_TEXT_CHARS).into_bytes();
        assert!(piped_text(bytes.clone()).is_ok());
        bytes.push(0xc3);
        let refused = piped_text(bytes).map_err(|failure| format!("{failure:?}"));
        assert!(refused.is_err_and(|failure| failure.contains("65537 characters")));
    }

    #[test]
    fn every_token_is_new() {
        let tokens: std::collections::HashSet<_> =
            (0..1000).map(|_| fresh_token().unwrap()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() == 36));
    }
}
