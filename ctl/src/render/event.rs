//! One event as one line for a person, without control characters.

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{
    Call, CallState, ChatKind, Contact, Deletion, DropReason, Edit, Event, Gap, HistoryMessage,
    LinkReason, LinkState, LinkStatus, LostReason, Message, Nack, Origin, QuoteCheck, Reaction,
    Receipt, RejectReason, Rejected, SendOutcome, SendReason, SendState, Target,
    UndecryptableReason,
};
use prost_types::Timestamp;

use super::content;
use super::group;
use super::people::{author, chat, checked, person, place};
use super::time::{ago, length, moment, until};
use super::word::{reason, word, words};
use crate::text::one_line;

/// `18204  4 s ago      message        +15550100123 (Alice): hello`
pub(crate) fn line(event: &Event, now: Timestamp) -> String {
    let Event {
        seq,
        recorded_at,
        agent: _,
        kind,
        chat_with,
    } = event;
    let with = chat_with.as_ref();
    let age = recorded_at.map_or_else(String::new, |at| ago(at, now));
    let (name, text) = of_kind(kind.as_ref(), with, now);
    format!("{seq:<6} {age:<11}  {name:<13}  {text}")
}

/// `-      3 days ago   message        +15550100123 (Alice): hello`: a message that no event has.
pub(crate) fn history(history: &HistoryMessage, now: Timestamp) -> Option<String> {
    let HistoryMessage { message, chat_with } = history;
    let message = message.as_ref()?;
    let sent_at = message.origin.as_ref()?.sent_at;
    let age = sent_at.map_or_else(String::new, |at| ago(at, now));
    let text = of_message(message, chat_with.as_ref());
    Some(format!("{:<6} {age:<11}  {:<13}  {text}", "-", "message"))
}

/// The kind of an event, and what its line has about it.
pub(crate) fn parts(event: &Event, now: Timestamp) -> (&'static str, String) {
    of_kind(event.kind.as_ref(), event.chat_with.as_ref(), now)
}

fn of_kind(kind: Option<&Kind>, with: Option<&Contact>, now: Timestamp) -> (&'static str, String) {
    match kind {
        Some(Kind::Message(message)) => ("message", of_message(message, with)),
        Some(Kind::Edit(edit)) => ("edit", of_edit(edit, with)),
        Some(Kind::Deletion(deletion)) => ("deletion", of_deletion(deletion, with)),
        Some(Kind::Reaction(reaction)) => ("reaction", of_reaction(reaction, with)),
        Some(Kind::Receipt(receipt)) => ("receipt", of_receipt(receipt)),
        Some(Kind::Link(link)) => ("link", of_link(link, now)),
        Some(Kind::Outcome(outcome)) => ("outcome", of_outcome(outcome, with)),
        Some(Kind::Undecryptable(lost)) => {
            let why = reason::<UndecryptableReason>(lost.reason, &lost.other_reason);
            ("undecryptable", of_unread(lost.origin(), with, "", &why))
        }
        Some(Kind::Lost(lost)) => {
            let why = reason::<LostReason>(lost.reason, &lost.other_reason);
            let what = " was acknowledged and may be lost: ask the sender to send it again";
            ("lost", of_unread(lost.origin(), with, what, &why))
        }
        Some(Kind::Dropped(dropped)) => {
            let why = reason::<DropReason>(dropped.reason, &dropped.other_reason);
            ("dropped", of_unread(dropped.origin(), with, "", &why))
        }
        Some(Kind::Rejected(rejected)) => ("rejected", of_rejected(rejected, with)),
        Some(Kind::GroupChange(change)) => ("group_change", group::change(change)),
        Some(Kind::Call(call)) => ("call", of_call(call, with)),
        None => (
            "unknown",
            "a kind that this openclawctl or its agent does not know".to_owned(),
        ),
    }
}

/// `events 4 to 40 are no longer kept`
pub(crate) fn gap(gap: &Gap) -> String {
    let Gap {
        first,
        last,
        damaged,
    } = gap;
    let (which, is) = if first == last {
        (format!("event {first}"), "is")
    } else {
        (format!("events {first} to {last}"), "are")
    };
    if *damaged {
        format!(
            "{which} {is} damaged and cannot be read; `openclawctl doctor` shows what to do (role sender or above)"
        )
    } else {
        format!("{which} {is} no longer kept")
    }
}

fn of_message(message: &Message, with: Option<&Contact>) -> String {
    let origin = message.origin();
    let mut who = author(origin);
    if !origin.from_me() && !origin.push_name.is_empty() {
        who.push_str(&format!(" ({})", one_line(&origin.push_name)));
    }
    let body = content::line(message.content.as_ref(), notes(message));
    let mut text = format!("{who}{}: {body}", place(origin, with));
    let truncated = message.content.as_ref().is_some_and(|it| it.truncated);
    for (is, note) in [
        (truncated, "shortened"),
        (origin.not_durable, "not stored before its ack"),
        (origin.recovered, "reported by the phone"),
    ] {
        if is {
            text.push_str(&format!(" ({note})"));
        }
    }
    text
}

/// The details of a message besides its content.
fn notes(message: &Message) -> Vec<String> {
    let mut notes = Vec::new();
    if message.view_once {
        notes.push("view once".to_owned());
    }
    if message.forwarded {
        notes.push("forwarded".to_owned());
    }
    if let Some(after) = message.disappears_after {
        notes.push(format!("disappears after {}", length(after.seconds)));
    }
    if !message.album_id.is_empty() {
        notes.push(format!("of album {}", one_line(&message.album_id)));
    }
    if let Some(quoted) = &message.quoted {
        let differs = quoted.check() == QuoteCheck::Different;
        let differs = if differs { " (quoted differently)" } else { "" };
        notes.push(format!("in reply to {}{differs}", one_line(&quoted.id)));
    }
    if message.mentions_account {
        notes.push("mentions you".to_owned());
    }
    notes
}

/// `+15550100123 in 1203…@g.us`, the id of the referenced message, and whether the author was checked.
fn of_change(
    origin: &Origin,
    target: Option<&Target>,
    with: Option<&Contact>,
) -> (String, String, &'static str) {
    let target = target.cloned().unwrap_or_default();
    let who = author(origin) + &place(origin, with);
    (who, one_line(&target.id), checked(target.check()))
}

/// `+15550100123: video call, ringing`
fn of_call(call: &Call, with: Option<&Contact>) -> String {
    let origin = call.origin();
    let who = author(origin) + &place(origin, with);
    let form = match (call.group, call.video) {
        (false, false) => "call",
        (false, true) => "video call",
        (true, false) => "group call",
        (true, true) => "group video call",
    };
    let state = reason::<CallState>(call.state, &call.other_state);
    format!("{who}: {form}, {state}")
}

fn of_edit(edit: &Edit, with: Option<&Contact>) -> String {
    let (who, id, checked) = of_change(edit.origin(), edit.target.as_ref(), with);
    let text = if edit.sealed {
        "[sealed]".to_owned()
    } else {
        content::line(edit.content.as_ref(), vec![])
    };
    format!("{who}: {id} edited: {text}{checked}")
}

fn of_deletion(deletion: &Deletion, with: Option<&Contact>) -> String {
    let (origin, target) = (deletion.origin(), &deletion.target);
    let (who, id, checked) = of_change(origin, target.as_ref(), with);
    let sender = origin.sender.as_ref();
    let in_group = origin.chat_kind() == ChatKind::Group;
    let by = match target.as_ref().and_then(|target| target.author.as_ref()) {
        Some(author) if in_group && Some(author) != sender => {
            format!(", by {}", person(Some(author)))
        }
        _ => String::new(),
    };
    format!("{who}: {id}{by}{checked}")
}

fn of_reaction(reaction: &Reaction, with: Option<&Contact>) -> String {
    let (who, id, checked) = of_change(reaction.origin(), reaction.target.as_ref(), with);
    let emoji = match (reaction.sealed, reaction.emoji.as_str()) {
        (true, _) => "[sealed]".to_owned(),
        (false, "") => "no longer".to_owned(),
        (false, emoji) => one_line(emoji),
    };
    format!("{who}: {emoji} to {id}{checked}")
}

fn of_receipt(receipt: &Receipt) -> String {
    format!(
        "{} by {}: {}{}",
        words::<SendState>(receipt.state),
        person(receipt.recipient.as_ref()),
        listed(&receipt.message_ids),
        checked(receipt.check())
    )
}

fn of_link(link: &LinkStatus, now: Timestamp) -> String {
    let mut text = words::<LinkState>(link.state);
    let why = word::<LinkReason>(link.reason);
    if link.reason != 0 && why != word::<LinkState>(link.state) {
        text.push_str(&format!(" ({why})"));
    }
    if let Some(at) = link.retry_at {
        text.push_str(&format!(", next try {}", until(at, now)));
    }
    if let Some(at) = link.banned_until {
        text.push_str(&format!(", until {}", moment(at)));
    }
    if let Some(at) = link.expires_at {
        text.push_str(&format!(", this version is accepted until {}", moment(at)));
    }
    if let Some(restriction) = &link.restriction {
        text.push_str(&format!(", restricted ({})", restriction.code));
        if let Some(at) = restriction.until.filter(|_| restriction.confirmed) {
            text.push_str(&format!(" until {}", moment(at)));
        }
    }
    if !link.hint.is_empty() {
        text.push_str(&format!("; {}", one_line(&link.hint)));
    }
    text
}

fn of_outcome(outcome: &SendOutcome, with: Option<&Contact>) -> String {
    let why = match (outcome.reason, &outcome.nack) {
        (0, _) => String::new(),
        (why, None) => format!(" ({})", reason::<SendReason>(why, &outcome.other_reason)),
        (why, Some(refused)) => {
            let why = reason::<SendReason>(why, &outcome.other_reason);
            format!(" ({why}: {})", nack(refused))
        }
    };
    let name = match outcome.message_id.as_str() {
        "" => &outcome.client_token,
        id => id,
    };
    let state = words::<SendState>(outcome.state);
    format!(
        "{state}{why}: {} to {}",
        one_line(name),
        chat(&outcome.chat, with)
    )
}

/// `463, WhatsApp restricts this account`
pub(crate) fn nack(nack: &Nack) -> String {
    let Nack { code, meaning } = nack;
    format!("{code}, {}", one_line(meaning))
}

/// A message without content: `from +15550100123 in 1203…@g.us: 3EB0AC (not_listed)`
fn of_unread(origin: &Origin, with: Option<&Contact>, what: &str, why: &str) -> String {
    let (who, place) = (author(origin), place(origin, with));
    format!("from {who}{place}: {}{what} ({why})", one_line(&origin.id))
}

fn of_rejected(rejected: &Rejected, with: Option<&Contact>) -> String {
    let origin = rejected.origin();
    let author = rejected.author.as_ref();
    let author = author.filter(|author| **author != Contact::default());
    let author = author.map_or_else(String::new, |author| {
        format!(", written by {}", person(Some(author)))
    });
    format!(
        "{} by {}{} to {}{author}: not applied ({})",
        one_line(&rejected.change),
        super::people::author(origin),
        place(origin, with),
        listed(&rejected.message_ids),
        reason::<RejectReason>(rejected.reason, &rejected.other_reason)
    )
}

fn listed(ids: &[String]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| one_line(id)).collect();
    ids.join(", ")
}
