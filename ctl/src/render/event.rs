//! One event, for a person: one line each, nothing in it that a terminal acts on.

mod message;

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{
    AuthorCheck, Contact, Dropped, Event, LinkStatus, Lost, Receipt, Rejected, SendOutcome,
    SendState, Undecryptable,
};
use prost_types::Timestamp;

use crate::numbers::Numbers;
use crate::render::status::state_word;
use crate::render::time::{ago, moment, until};
use crate::text::one_line;

/// `18204  4 s ago      message        +15550100123 (Alice): hello`
pub(crate) fn line(event: &Event, now: Timestamp) -> String {
    let Event {
        seq,
        at,
        kind,
        chat_with,
    } = event;
    let with = chat_with.as_ref();
    let age = at.map_or_else(String::new, |at| ago(at, now));
    let (name, said) = match kind {
        Some(Kind::Message(message)) => ("message", message::of_message(message, with)),
        Some(Kind::Edit(edit)) => ("edit", message::of_edit(edit, with)),
        Some(Kind::Deletion(deletion)) => ("deletion", message::of_deletion(deletion, with)),
        Some(Kind::Reaction(reaction)) => ("reaction", message::of_reaction(reaction, with)),
        Some(Kind::Receipt(receipt)) => ("receipt", of_receipt(receipt)),
        Some(Kind::Link(link)) => ("link", of_link(link, now)),
        Some(Kind::Send(outcome)) => ("send", of_send(outcome, with)),
        Some(Kind::Undecryptable(lost)) => ("undecryptable", of_undecryptable(lost)),
        Some(Kind::Lost(lost)) => ("lost", of_lost(lost)),
        Some(Kind::Dropped(dropped)) => ("dropped", of_dropped(dropped)),
        Some(Kind::Rejected(rejected)) => ("rejected", of_rejected(rejected)),
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
        "{} by {}: {}{}",
        send_words(receipt.state()),
        person(receipt.by.as_ref()),
        ids.join(", "),
        checked(receipt.author_check())
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
        said.push_str(&format!(", until {}", moment(at)));
    }
    if !link.hint.is_empty() {
        said.push_str(&format!("; {}", one_line(&link.hint)));
    }
    said
}

fn of_send(outcome: &SendOutcome, with: Option<&Contact>) -> String {
    let mut said = send_words(outcome.state()).to_owned();
    match (outcome.reason.as_str(), outcome.code) {
        ("", _) => {}
        (reason, 0) => said.push_str(&format!(" ({})", one_line(reason))),
        (reason, code) => {
            let meaning = one_line(&outcome.meaning);
            said.push_str(&format!(" ({}: {code}, {meaning})", one_line(reason)));
        }
    }
    let name = match outcome.message_id.as_str() {
        "" => &outcome.token,
        id => id,
    };
    format!(
        "{said}: {} to {}",
        one_line(name),
        chat(&outcome.chat, with)
    )
}

/// A chat's name for a person: the number of whom it is with, where it is known.
fn chat(jid: &str, with: Option<&Contact>) -> String {
    match with {
        Some(with) if !with.phone.is_empty() => Numbers::chosen().show(&with.phone),
        _ => Numbers::chosen().show_jid(jid),
    }
}

fn of_undecryptable(lost: &Undecryptable) -> String {
    let person_chat = |jid: &str| jid.ends_with("@lid") || jid.ends_with("@s.whatsapp.net");
    let place = match lost.chat.as_str() {
        "" => String::new(),
        "status@broadcast" => " in their status".to_owned(),
        jid if person_chat(jid) => String::new(),
        jid => format!(" in {}", Numbers::chosen().show_jid(jid)),
    };
    format!(
        "from {}{place}: {} ({})",
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
    let mut place = Vec::new();
    // A channel's posts have no sender.
    if !dropped.sender.is_empty() {
        place.push(format!("from {}", one_line(&dropped.sender)));
    }
    if !dropped.chat.is_empty() {
        place.push(format!("in {}", Numbers::chosen().show_jid(&dropped.chat)));
    }
    format!(
        "{}: {} ({})",
        place.join(" "),
        one_line(&dropped.id),
        one_line(&dropped.reason)
    )
}

fn of_rejected(rejected: &Rejected) -> String {
    let who = match rejected.from_me {
        true => "me".to_owned(),
        false => person(rejected.sender.as_ref()),
    };
    let ids: Vec<String> = rejected.message_ids.iter().map(|id| one_line(id)).collect();
    let author = rejected.author.as_ref();
    let author = author.filter(|author| **author != Contact::default());
    let author = author.map_or_else(String::new, |author| {
        format!(", written by {}", person(Some(author)))
    });
    format!(
        "{} by {who} to {}{author}: not applied ({})",
        one_line(&rejected.change),
        ids.join(", "),
        one_line(&rejected.reason)
    )
}

/// What a person should know of a change that could not be checked.
fn checked(check: AuthorCheck) -> &'static str {
    match check {
        AuthorCheck::Unspecified | AuthorCheck::Checked => "",
        AuthorCheck::Unknown => " (author not checked)",
        AuthorCheck::AdminAssumed => " (as an admin, not checked)",
    }
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
