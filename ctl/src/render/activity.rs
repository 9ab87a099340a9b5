//! Presence and typing, for a person: a line each, like an event without a number.

use openclaw_proto::v1::watch_events_response::Item;
use openclaw_proto::v1::{Presence, Typing, TypingState};
use prost_types::Timestamp;

use super::people::{chat, person};
use super::time::ago;
use super::word::words;

/// `-      now          presence       +15550100002: online`; `None` for another item.
pub(crate) fn line(item: &Item, now: Timestamp) -> Option<String> {
    let (name, said) = match item {
        Item::Presence(presence) => ("presence", of_presence(presence, now)),
        Item::Typing(typing) => ("typing", of_typing(typing)),
        _ => return None,
    };
    Some(format!("{:<6} {:<11}  {name:<13}  {said}", "-", "now"))
}

fn of_presence(presence: &Presence, now: Timestamp) -> String {
    let Presence {
        chat: _,
        contact,
        online,
        last_seen,
    } = presence;
    let who = person(contact.as_ref());
    match (online, last_seen) {
        (true, _) => format!("{who}: online"),
        (false, Some(at)) => format!("{who}: offline, last seen {}", ago(*at, now)),
        (false, None) => format!("{who}: offline"),
    }
}

fn of_typing(typing: &Typing) -> String {
    let Typing {
        chat: jid,
        contact,
        state,
    } = typing;
    let who = person(contact.as_ref());
    let place = match jid.ends_with("@g.us") {
        true => format!(" in {}", chat(jid, None)),
        false => String::new(),
    };
    format!("{who}: {}{place}", words::<TypingState>(*state))
}
