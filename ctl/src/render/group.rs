//! Groups, their participants and their changes, as lines for a person.

use openclaw_proto::v1::{
    Contact, Group, GroupChange, GroupChangeKind, GroupRole, JoinRequest, MemberAddMode,
    Participant, ParticipantError, ParticipantResult,
};

use super::people::{author, person};
use super::time::{length, moment};
use super::word::{reason, word, words};
use crate::text::one_line;

/// `+15550100002 in 120363000000000001@g.us (Site 4): added +15550100003`
pub(super) fn change(change: &GroupChange) -> String {
    let origin = change.origin();
    let name = match one_line(&origin.chat_name) {
        name if name.is_empty() => name,
        name => format!(" ({name})"),
    };
    let (who, chat) = (author(origin), one_line(&origin.chat));
    format!("{who} in {chat}{name}: {}", what(change))
}

fn what(change: &GroupChange) -> String {
    use GroupChangeKind as Kind;
    let people = people(&change.people);
    let text = one_line(&change.text);
    let switch = if change.enabled { "on" } else { "off" };
    match change.change() {
        Kind::Name => format!("name: {text}"),
        Kind::Description if text.is_empty() => "description removed".to_owned(),
        Kind::Description => format!("description: {text}"),
        Kind::Left => "left".to_owned(),
        Kind::Announce => format!("only admins send messages: {switch}"),
        Kind::Locked => format!("only admins change the group: {switch}"),
        Kind::JoinApproval => format!("an admin approves who joins: {switch}"),
        Kind::AdminsAdd => format!("only admins add people: {switch}"),
        Kind::Timer => match change.disappears_after {
            Some(after) => format!("messages disappear after {}", length(after.seconds)),
            None => "messages do not disappear".to_owned(),
        },
        Kind::Picture if change.enabled => "new picture".to_owned(),
        Kind::Picture => "picture removed".to_owned(),
        Kind::InviteReset => "invite link reset".to_owned(),
        Kind::Created => format!("created: {text}"),
        Kind::Deleted => "deleted".to_owned(),
        Kind::Added
        | Kind::Removed
        | Kind::Joined
        | Kind::Promoted
        | Kind::Demoted
        | Kind::JoinRequested
        | Kind::JoinRequestClosed
        | Kind::NumberChanged => {
            format!("{} {people}", words::<GroupChangeKind>(change.change))
        }
        Kind::Unspecified | Kind::Other => {
            reason::<GroupChangeKind>(change.change, &change.other_change)
        }
    }
}

fn people(people: &[Contact]) -> String {
    let people: Vec<String> = people.iter().map(|one| person(Some(one))).collect();
    people.join(", ")
}

/// `120363000000000001@g.us    12  Site 4`
pub(crate) fn line(group: &Group) -> String {
    let size = match group.size {
        0 => "?".to_owned(),
        size => size.to_string(),
    };
    format!(
        "{:<30} {size:>5}  {}",
        one_line(&group.id),
        one_line(&group.name)
    )
}

/// The group, one property a line, then its participants.
pub(crate) fn page(group: &Group) -> String {
    let on = |is: bool| if is { "on" } else { "off" }.to_owned();
    let add = match group.member_add_mode() {
        MemberAddMode::Unspecified => "unknown",
        MemberAddMode::Everyone => "everyone",
        MemberAddMode::Admins => "admins",
    };
    let timer = group.disappears_after;
    let timer = timer.map_or_else(|| "off".to_owned(), |timer| length(timer.seconds));
    let rows = [
        ("Group", one_line(&group.id)),
        ("Name", one_line(&group.name)),
        ("Description", one_line(&group.description)),
        ("Community", one_line(&group.community)),
        (
            "Owner",
            group
                .owner
                .as_ref()
                .map(|it| person(Some(it)))
                .unwrap_or_default(),
        ),
        ("Created", group.created_at.map(moment).unwrap_or_default()),
        ("Announce", on(group.announce)),
        ("Locked", on(group.locked)),
        ("Approval", on(group.join_approval)),
        ("Adds people", add.to_owned()),
        ("Timer", timer),
        ("Members", group.size.to_string()),
    ];
    let mut page = String::new();
    for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        page.push_str(&format!("{:<13}{value}\n", format!("{label}:")));
    }
    for participant in &group.participants {
        page.push_str(&of_participant(participant));
    }
    page
}

fn of_participant(participant: &Participant) -> String {
    let who = person(participant.contact.as_ref());
    match participant.role() {
        GroupRole::Admin | GroupRole::SuperAdmin => {
            let role = words::<GroupRole>(participant.role);
            format!("  {who:<27} {role}\n")
        }
        GroupRole::Member | GroupRole::Unspecified => format!("  {who}\n"),
    }
}

/// `+15550100002  added`, or `+15550100002  not added: needs_invite (403)`.
pub(crate) fn result(result: &ParticipantResult, done: &str) -> String {
    let who = person(result.contact.as_ref());
    if result.done {
        return format!("{who}  {done}");
    }
    let why = word::<ParticipantError>(result.error);
    match result.code {
        0 => format!("{who}  not {done}: {why}"),
        code => format!("{who}  not {done}: {why} ({code})"),
    }
}

/// `+15550100002  2026-11-30 11:02 UTC`
pub(crate) fn request(request: &JoinRequest) -> String {
    let who = person(request.contact.as_ref());
    let at = request.requested_at.map(moment).unwrap_or_default();
    format!("{who}  {at}").trim_end().to_owned()
}
