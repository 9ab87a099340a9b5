//! The error codes for messages, and the reasons. `wacore` lists WhatsApp's codes in `protocol/nack.rs`; "chosen"
//! marks a code that is the simulator's choice, because WhatsApp's is not known.
//!
//! | code | |
//! | --- | --- |
//! | 400 | the message mixes LIDs and numbers (whatsapp-rust#730), or has LIDs although the account is not migrated to them (#941); chosen: the address does not exist, or is a number in another spelling than the server's |
//! | 403 | chosen: the sender is not a member of the group, or not an admin of an announcement group, or not the owner of the channel |
//! | 421 | the message does not have the group's current addressing mode |
//! | 463 | the sender has no token for a person to whom it has not written before (`rules::tokens`) |
//! | 479 | the message has an unknown type, edit or ciphertext type |

use wacore_binary::{Jid, JidExt as _};

use crate::number::Number;
use crate::rules::channels;
use crate::rules::messages::transit::Transit;
use crate::state::group::Group;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// `<ack error>`: WhatsApp does not know the form of a part of the stanza.
pub(super) const INVALID: u16 = 479;
/// Addresses of two kinds, or one that does not exist.
pub(super) const BAD_REQUEST: u16 = 400;
const FORBIDDEN: u16 = 403;
const STALE_ADDRESSING_MODE: u16 = 421;

/// The `type` values of messages.
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
/// The `edit` values of messages: an edit, a pin, an admin's edit, a deletion, an admin's deletion.
const EDITS: [&str; 5] = ["1", "2", "3", "7", "8"];

/// The error that a fault sets for this message. Messages between an account's own devices are not affected.
pub(super) fn by_fault(shared: &Shared, transit: &Transit<'_>) -> Option<u16> {
    if transit.node.attrs.contains_key("category") {
        return None;
    }
    let mut state = lock(&shared.state);
    let own = state.user(&transit.from.0).faults.nack();
    own.or_else(|| state.faults.nack())
}

/// A rule that the stanza breaks: the error code, the rule, and the detail.
type Broken = (u16, &'static str, String);

/// Checks the rules that need no key. A message that breaks one is not delivered.
pub(super) fn check_form(shared: &Shared, transit: &Transit<'_>) -> Option<u16> {
    for check in [form, addresses, recipient, group, channel] {
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
    // The type of messages between an account's own devices is not checked.
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
    if transit.to.is_newsletter() {
        let has = |tag| node.get_optional_child(tag).is_some();
        return match has("plaintext") || has("reaction") {
            true => Ok(()),
            false => broken("no plaintext".to_owned()),
        };
    }
    let sealed = node.get_optional_child("enc").is_some()
        || listed.any(|to| to.get_optional_child("enc").is_some());
    if !sealed {
        return broken("no enc".to_owned());
    }
    Ok(())
}

/// The addresses of a message are all LIDs, or all numbers.
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
    // A group's own rule reports this more precisely.
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

/// The recipient exists, and the account may address it this way.
fn recipient(shared: &Shared, transit: &Transit<'_>) -> Result<(), Broken> {
    const KNOWN: &str = "a message has a recipient who is on WhatsApp";
    const SPELLED: &str = "a message has the number as the server spells it";
    const MIGRATED: &str = "only a migrated account addresses people by LID";
    let to = &transit.to;
    if !(to.is_lid() || to.is_pn()) {
        return Ok(());
    }
    let state = lock(&shared.state);
    let written: Option<Number> = transit.to.user.parse().ok();
    let written = written.filter(|_| transit.to.is_pn());
    if written.is_some_and(|number| state.canonical(number.clone()) != number) {
        return Err((BAD_REQUEST, SPELLED, transit.to.to_string()));
    }
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

/// The sender may write to the group, and uses its addressing mode.
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

/// Only its owner posts in a channel. Those who read it react.
fn channel(shared: &Shared, transit: &Transit<'_>) -> Result<(), Broken> {
    const KNOWN: &str = "a channel message has an existing channel";
    const OWNER: &str = "only its owner posts in a channel";
    if !transit.to.is_newsletter() {
        return Ok(());
    }
    let mut state = lock(&shared.state);
    let Some(channel) = channels::find(&mut state, &transit.to) else {
        return Err((BAD_REQUEST, KNOWN, transit.to.to_string()));
    };
    let reaction = transit.node.get_optional_child("reaction").is_some();
    let own = channel.owner.as_ref() == Some(&transit.from.0);
    match own || (reaction && channel.has(&transit.from.0)) {
        true => Ok(()),
        false => Err((FORBIDDEN, OWNER, transit.to.to_string())),
    }
}

fn stale_mode(group: &Group, transit: &Transit<'_>, to: &Jid) -> Option<String> {
    let mode = stanza::text(transit.node, "addressing_mode")?;
    let current = group.addressing_mode();
    (mode != current).then(|| format!("{mode} instead of {current} in {to}"))
}
