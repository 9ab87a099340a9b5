//! Which error a message is answered with, and what was wrong with it. `wacore` lists WhatsApp's numbers in
//! `protocol/nack.rs`; where nothing was seen of WhatsApp's the number is this simulator's choice, and the text says so.
//!
//! | code | |
//! | --- | --- |
//! | 400 | the addresses of the message are of two kinds (whatsapp-rust#730), or LIDs, and the account is not migrated to them (#941); chosen: nobody has the address |
//! | 403 | chosen: the sender is no member of the group, or the group is one in which only admins write |
//! | 421 | the group is addressed in the other way now |
//! | 463 | the sender has no token for somebody whom it has not written to before (`rules::tokens`) |
//! | 479 | a part of the message has a form that there is not: its type, its edit, its ciphertexts |

use wacore_binary::{Jid, JidExt as _};

use crate::rules::messages::transit::Transit;
use crate::state::group::Group;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// `<ack error>`: a part of the stanza has a form that WhatsApp does not know.
pub(super) const INVALID: u16 = 479;
/// Addresses that do not belong together, or to anybody.
const BAD_REQUEST: u16 = 400;
const FORBIDDEN: u16 = 403;
const STALE_ADDRESSING_MODE: u16 = 421;

/// What the types of messages are called.
const TYPES: [&str; 8] = [
    "text",
    "media",
    "medianotify",
    "pay",
    "poll",
    "reaction",
    "event",
    "location",
];
/// What the `edit` of a message may be: an edit, a pin, an admin's edit, a deletion, an admin's deletion.
const EDITS: [&str; 5] = ["1", "2", "3", "7", "8"];

/// The error that a fault wants for this message. What an account's own devices say to each other has none.
pub(super) fn on_command(shared: &Shared, transit: &Transit<'_>) -> Option<u16> {
    if transit.node.attrs.contains_key("category") {
        return None;
    }
    let mut state = lock(&shared.state);
    let own = state.user(&transit.from.0).faults.nack();
    own.or_else(|| state.faults.nack())
}

/// A rule that the stanza itself breaks: the error, the rule, and what was found.
type Broken = (u16, &'static str, String);

/// Holds a message to the rules that need no key. One that breaks a rule is not delivered.
pub(super) fn on_sight(shared: &Shared, transit: &Transit<'_>) -> Option<u16> {
    for check in [form, addresses, recipient, group] {
        if let Err((code, rule, detail)) = check(shared, transit) {
            let detail = format!("{}: {detail}, refused with {code}", transit.id);
            lock(&shared.verdicts).require(&transit.who, rule, false, &detail);
            return Some(code);
        }
    }
    None
}

fn form(_: &Shared, transit: &Transit<'_>) -> Result<(), Broken> {
    const RULE: &str = "a message has a type, an edit and ciphertexts that WhatsApp knows";
    let broken = |detail: String| Err((INVALID, RULE, detail));
    let node = transit.node;
    // Between an account's own devices the type is not looked at.
    let kind = stanza::text(node, "type").unwrap_or_default();
    if !TYPES.contains(&kind.as_ref()) && !node.attrs.contains_key("category") {
        return broken(format!("type {kind:?}"));
    }
    if let Some(edit) = stanza::text(node, "edit")
        && !EDITS.contains(&edit.as_ref())
    {
        return broken(format!("edit {edit:?}"));
    }
    let listed = node.get_optional_child("participants");
    let mut listed = listed.map(stanza::children).unwrap_or_default().iter();
    let sealed = node.get_optional_child("enc").is_some()
        || listed.any(|to| to.get_optional_child("enc").is_some());
    if !sealed {
        return broken("no enc".to_owned());
    }
    Ok(())
}

/// All addresses of a message are LIDs, or all are numbers.
fn addresses(shared: &Shared, transit: &Transit<'_>) -> Result<(), Broken> {
    const RULE: &str = "a message has addresses of one kind";
    let by_lid = if transit.to.is_group() {
        let state = lock(&shared.state);
        let group = state.groups.get(transit.to.user.as_str());
        group.map(|group| group.settings.by_lid)
    } else {
        (transit.to.is_lid() || transit.to.is_pn()).then(|| transit.to.is_lid())
    };
    let mode = stanza::text(transit.node, "addressing_mode");
    // A group's own rule says more of it.
    let stale = mode.is_some_and(|mode| by_lid.is_some_and(|by_lid| by_lid != (mode == "lid")));
    let Some(by_lid) = by_lid.filter(|_| !stale) else {
        return Ok(());
    };
    let listed = transit.node.get_optional_child("participants");
    let listed = listed.map(stanza::children).unwrap_or_default();
    for to in listed.iter().filter_map(|to| stanza::jid(to, "jid")) {
        if to.is_lid() != by_lid {
            let detail = format!("to {} with a participant {to}", transit.to);
            return Err((BAD_REQUEST, RULE, detail));
        }
    }
    Ok(())
}

/// The recipient exists, and may be addressed like this.
fn recipient(shared: &Shared, transit: &Transit<'_>) -> Result<(), Broken> {
    const KNOWN: &str = "a message goes to somebody who is on WhatsApp";
    const MIGRATED: &str = "only an account that is migrated addresses people by LID";
    let to = &transit.to;
    if !(to.is_lid() || to.is_pn()) {
        return Ok(());
    }
    let state = lock(&shared.state);
    let account = state.users.get(&transit.from.0);
    let migrated = account.and_then(|user| user.lid_migrated);
    if to.is_lid() && !migrated.unwrap_or(shared.config.lid_migrated) {
        return Err((BAD_REQUEST, MIGRATED, to.to_string()));
    }
    let found = state.resolve(to);
    match found.filter(|(number, _)| !state.unknown.contains(number)) {
        Some(_) => Ok(()),
        None => Err((BAD_REQUEST, KNOWN, to.to_string())),
    }
}

/// The sender may write to the group, and knows how it is addressed.
fn group(shared: &Shared, transit: &Transit<'_>) -> Result<(), Broken> {
    const MEMBER: &str = "only members write to a group";
    const ADMIN: &str = "only admins write to an announcement group";
    const MODE: &str = "a message has its group's addressing mode";
    if !transit.to.is_group() {
        return Ok(());
    }
    let state = lock(&shared.state);
    let group = state.groups.get(transit.to.user.as_str());
    let Some(group) = group.filter(|group| group.has(&transit.from.0)) else {
        return Err((FORBIDDEN, MEMBER, "not a member".to_owned()));
    };
    if group.settings.announcement && !group.admins.contains(&transit.from.0) {
        return Err((FORBIDDEN, ADMIN, "not an admin".to_owned()));
    }
    match stale_mode(group, transit, &transit.to) {
        Some(detail) => Err((STALE_ADDRESSING_MODE, MODE, detail)),
        None => Ok(()),
    }
}

fn stale_mode(group: &Group, transit: &Transit<'_>, to: &Jid) -> Option<String> {
    let mode = stanza::text(transit.node, "addressing_mode")?;
    let current = group.addressing_mode();
    (mode != current).then(|| format!("{mode} instead of {current} in {to}"))
}
