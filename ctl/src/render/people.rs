//! People and chats, and the author and place of an event.

use openclaw_proto::v1::{AuthorCheck, ChatKind, Contact, Origin};

use crate::numbers::Numbers;
use crate::text::one_line;

/// The number, else the LID.
pub(super) fn person(contact: Option<&Contact>) -> String {
    match contact {
        Some(contact) if !contact.phone.is_empty() => Numbers::chosen().show(&contact.phone),
        Some(contact) if !contact.lid.is_empty() => one_line(&contact.lid),
        _ => "unknown".to_owned(),
    }
}

/// A chat for a person: the number of the other person, if known.
pub(super) fn chat(jid: &str, with: Option<&Contact>) -> String {
    match with {
        Some(with) if !with.phone.is_empty() => Numbers::chosen().show(&with.phone),
        _ => Numbers::chosen().show_jid(jid),
    }
}

/// The author: `me`, a person, or `channel …`, whose posts show no person.
pub(super) fn author(origin: &Origin) -> String {
    match (origin.from_me(), origin.chat_kind()) {
        (true, _) => "me".to_owned(),
        (false, ChatKind::Channel) => format!("channel {}", one_line(&origin.chat)),
        (false, _) => person(origin.sender.as_ref()),
    }
}

/// The place, to follow the author: ` in 1203…@g.us`, ` in their status`, ` to +15550100123`; empty if the author
/// implies it.
pub(super) fn place(origin: &Origin, with: Option<&Contact>) -> String {
    match (origin.chat_kind(), origin.from_me()) {
        (ChatKind::Group, _) => format!(" in {}", chat(&origin.chat, None)),
        (ChatKind::Status, true) => " in my status".to_owned(),
        (ChatKind::Status, false) => " in their status".to_owned(),
        (_, true) => format!(" to {}", chat(&origin.chat, with)),
        (_, false) => String::new(),
    }
}

/// A note on a change whose author could not be checked.
pub(super) fn checked(check: AuthorCheck) -> &'static str {
    match check {
        AuthorCheck::Unspecified | AuthorCheck::Checked => "",
        AuthorCheck::Unknown => " (author not checked)",
        AuthorCheck::AdminAssumed => " (as an admin, not checked)",
    }
}
