//! What is known of a person, and chats, as text for a person.

use openclaw_proto::v1::{Chat, ContactInfo, EventKind};
use prost_types::Timestamp;

use super::people::chat;
use super::time::{ago, moment};
use super::word::word;
use crate::numbers::Numbers;
use crate::text::one_line;

/// A line for each fact that is known.
pub(crate) fn page(contact: &ContactInfo, now: Timestamp) -> String {
    let ContactInfo {
        contact: who,
        push_name,
        saved_name,
        business,
        verified_name,
        about,
        about_set_at,
        picture_id,
        asked_at,
    } = contact;
    let who = who.clone().unwrap_or_default();
    let business = match (business, verified_name.is_empty()) {
        (true, true) => "yes",
        (true, false) => verified_name,
        (false, _) => "",
    };
    let about_set = about_set_at.map(moment).unwrap_or_default();
    let asked = asked_at.map_or_else(|| "never".to_owned(), |at| ago(at, now));
    let numbers = Numbers::chosen();
    let facts = [
        ("Number:", numbers.show(&who.phone)),
        ("LID:", numbers.show_jid(&who.lid)),
        ("Name:", one_line(saved_name)),
        ("Push name:", one_line(push_name)),
        ("Business:", one_line(business)),
        ("About:", one_line(about)),
        ("About set:", about_set),
        ("Picture:", one_line(picture_id)),
        ("Asked:", asked),
    ];
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    facts
        .map(|(label, value)| format!("{label:<12} {value}\n"))
        .collect()
}

/// `1795975207204  3 min ago    message       +15550100002  Anna`.
pub(crate) fn line(listed: &Chat, now: Timestamp) -> String {
    let age = listed.newest_at.map(|at| ago(at, now)).unwrap_or_default();
    let kind = word::<EventKind>(listed.newest_kind);
    let chat = chat(&listed.id, listed.contact.as_ref());
    let line = format!("{:<6} {age:<11}  {kind:<13}  {chat}", listed.newest_seq);
    match one_line(&listed.name) {
        name if name.is_empty() => line,
        name => format!("{line}  {name}"),
    }
}
