//! One event, for a person: one line each, nothing in it that a terminal acts on.

mod message;

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{
    Contact, Dropped, Event, LinkStatus, Lost, Receipt, SendOutcome, SendState, Undecryptable,
};
use prost_types::Timestamp;

use crate::numbers::Numbers;
use crate::render::status::state_word;
use crate::render::time::{ago, until};
use crate::text::one_line;

/// `18204  4 s ago      message        +15550100123 (Alice): hello`
pub(crate) fn line(event: &Event, now: Timestamp) -> String {
    let Event { seq, at, kind } = event;
    let age = at.map_or_else(String::new, |at| ago(at, now));
    let (name, said) = match kind {
        Some(Kind::Message(message)) => ("message", message::of_message(message)),
        Some(Kind::Edit(edit)) => ("edit", message::of_edit(edit)),
        Some(Kind::Deletion(deletion)) => ("deletion", message::of_deletion(deletion)),
        Some(Kind::Reaction(reaction)) => ("reaction", message::of_reaction(reaction)),
        Some(Kind::Receipt(receipt)) => ("receipt", of_receipt(receipt)),
        Some(Kind::Link(link)) => ("link", of_link(link, now)),
        Some(Kind::Send(outcome)) => ("send", of_send(outcome)),
        Some(Kind::Undecryptable(lost)) => ("undecryptable", of_undecryptable(lost)),
        Some(Kind::Lost(lost)) => ("lost", of_lost(lost)),
        Some(Kind::Dropped(dropped)) => ("dropped", of_dropped(dropped)),
        None => (
            "unknown",
            "a kind that this openclawctl or its agent does not know".to_owned(),
        ),
    };
    format!("{seq:<6} {age:<11}  {name:<13}  {said}")
}

fn of_receipt(receipt: &Receipt) -> String {
    let ids: Vec<String> = receipt.message_ids.iter().map(|id| one_line(id)).collect();
    format!(
        "{} by {}: {}",
        send_words(receipt.state()),
        person(receipt.by.as_ref()),
        ids.join(", ")
    )
}

fn of_link(link: &LinkStatus, now: Timestamp) -> String {
    let mut said = state_word(link.state()).replace('_', " ");
    if !link.reason.is_empty() && link.reason != state_word(link.state()) {
        said.push_str(&format!(" ({})", one_line(&link.reason)));
    }
    if let Some(at) = link.retry_at {
        said.push_str(&format!(", next try {}", until(at, now)));
    }
    if let Some(at) = link.banned_until {
        said.push_str(&format!(", until {at}"));
    }
    if !link.hint.is_empty() {
        said.push_str(&format!("; {}", one_line(&link.hint)));
    }
    said
}

fn of_send(outcome: &SendOutcome) -> String {
    let mut said = send_words(outcome.state()).to_owned();
    if !outcome.reason.is_empty() {
        said.push_str(&format!(" ({})", one_line(&outcome.reason)));
    }
    let name = match outcome.message_id.as_str() {
        "" => &outcome.token,
        id => id,
    };
    format!(
        "{said}: {} to {}",
        one_line(name),
        Numbers::chosen().show_jid(&outcome.chat)
    )
}

fn of_undecryptable(lost: &Undecryptable) -> String {
    format!(
        "from {}: {} ({})",
        person(lost.sender.as_ref()),
        one_line(&lost.id),
        one_line(&lost.reason)
    )
}

fn of_lost(lost: &Lost) -> String {
    format!(
        "from {}: {} was acknowledged and may not be here ({}): ask for it again",
        person(lost.sender.as_ref()),
        one_line(&lost.id),
        one_line(&lost.reason)
    )
}

fn of_dropped(dropped: &Dropped) -> String {
    let place = match dropped.chat.as_str() {
        "" => String::new(),
        chat => format!(" in {}", Numbers::chosen().show_jid(chat)),
    };
    format!(
        "from {}{place}: {} ({})",
        one_line(&dropped.sender),
        one_line(&dropped.id),
        one_line(&dropped.reason)
    )
}

/// The number; else the LID.
fn person(contact: Option<&Contact>) -> String {
    match contact {
        Some(contact) if !contact.phone.is_empty() => Numbers::chosen().show(&contact.phone),
        Some(contact) if !contact.lid.is_empty() => one_line(&contact.lid),
        _ => "unknown".to_owned(),
    }
}

/// A state of a sent message, in words.
pub(crate) fn send_words(state: SendState) -> &'static str {
    match state {
        SendState::Unspecified => "unknown",
        SendState::Accepted => "accepted",
        SendState::ServerAck => "server ack",
        SendState::Delivered => "delivered",
        SendState::Read => "read",
        SendState::Failed => "failed",
    }
}
