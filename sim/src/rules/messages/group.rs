//! Messages of companions to groups: one ciphertext for all, and the sender key for devices that do not have it.

use wacore_binary::Node;

use crate::number::DeviceId;
use crate::rules::messages::forward::forward;
use crate::rules::messages::open::{open_direct, take_in};
use crate::rules::messages::transit::{Part, Transit, enter, has_valid_identity, parts, sealed};
use crate::rules::messages::unopened;
use crate::signal::address;
use crate::signal::party::EncKind;
use crate::state::State;
use crate::state::queue::Class;
use crate::state::shared::Shared;
use crate::state::verdict::Entry;
use crate::sync::{lock, ready};
use crate::wire::stanza;

/// Routes a message to all members. False: it broke a rule.
pub(super) fn route(shared: &Shared, transit: &Transit<'_>) -> bool {
    let (members, devices) = {
        let state = lock(&shared.state);
        let group = state.groups.get(transit.to.user.as_str());
        let members = group.map(|group| group.members.clone()).unwrap_or_default();
        let devices: Vec<DeviceId> = members
            .iter()
            .flat_map(|member| state.companions_of(member))
            .collect();
        (members, devices)
    };
    let mut kept = has_valid_identity(shared, transit);
    let mut parts = parts(shared, transit);
    parts.retain(|part| is_for_member(shared, transit, part));
    for part in &parts {
        if lock(&shared.state).plays(&part.device) {
            kept &= open_direct(shared, transit, part);
        }
    }
    let skmsg = transit
        .node
        .get_children_by_tag("enc")
        .find(|enc| stanza::is(enc, "type", "skmsg"));
    if let Some(skmsg) = skmsg {
        let entry = enter(shared, transit, transit.from, skmsg);
        kept &= entry != Entry::Broken;
        check_key_is_fresh(shared, transit, skmsg);
        let played: Vec<DeviceId> = {
            let state = lock(&shared.state);
            let of = |member| state.played_by(member);
            members.iter().flat_map(of).collect()
        };
        for device in &played {
            kept &= match entry {
                Entry::New => open_in_group(shared, transit, device, skmsg),
                Entry::Again | Entry::Broken => true,
            };
        }
    }
    kept & forward_to_companions(shared, transit, &devices, &parts, skmsg)
}

/// Whether a part is for a member. A client that knows that a member left must not send them the key.
fn is_for_member(shared: &Shared, transit: &Transit<'_>, part: &Part<'_>) -> bool {
    const RULE: &str = "a group's sender key is sent to members only";
    let mut state = lock(&shared.state);
    let Some(group) = state.groups.get(transit.to.user.as_str()) else {
        return false;
    };
    let number = &part.device.0;
    if group.has(number) {
        return true;
    }
    let knows = match group.former.get(number).cloned() {
        Some(notification) => has_acked(&mut state, transit.from, &notification),
        None => true,
    };
    drop(state);
    let detail = format!("{} is no member", number.lid());
    lock(&shared.verdicts).require(&transit.who, RULE, !knows, &detail);
    false
}

/// After a member left, messages must not be encrypted with a sender key that they have.
fn check_key_is_fresh(shared: &Shared, transit: &Transit<'_>, skmsg: &Node) {
    const RULE: &str = "a sender key is not used after a member has left";
    let chain = sealed(shared, transit, skmsg).and_then(|sealed| sealed.counter().ok());
    let Some((chain, _)) = chain else {
        return;
    };
    let mut state = lock(&shared.state);
    let group = state.groups.get_mut(transit.to.user.as_str());
    let retired = group.and_then(|group| {
        let retired = group.keys.use_key(transit.from, chain)?;
        Some(retired.to_owned())
    });
    let broken =
        retired.is_some_and(|notification| has_acked(&mut state, transit.from, &notification));
    drop(state);
    lock(&shared.verdicts).require(&transit.who, RULE, !broken, "the key from before");
}

/// Whether a companion has acked a notification, and so knows its content.
fn has_acked(state: &mut State, device: &DeviceId, notification: &str) -> bool {
    state.companion(device).is_some_and(|companion| {
        let mut owed = companion.queue.with_id(Class::Notification, notification);
        owed.next().is_none()
    })
}

/// Forwards the group's ciphertext, with the parts that are encrypted for each companion.
fn forward_to_companions(
    shared: &Shared,
    transit: &Transit<'_>,
    devices: &[DeviceId],
    parts: &[Part<'_>],
    skmsg: Option<&Node>,
) -> bool {
    let mut kept = true;
    for device in devices.iter().filter(|device| *device != transit.from) {
        let own = parts.iter().find(|part| part.device == *device);
        if let Some(part) = own {
            kept &= enter(shared, transit, device, part.enc) != Entry::Broken;
        }
        let encs: Vec<Node> = own
            .map(|part| part.enc)
            .into_iter()
            .chain(skmsg)
            .cloned()
            .collect();
        if !encs.is_empty() {
            forward(shared, transit, device, encs);
        }
    }
    kept
}

fn open_in_group(shared: &Shared, transit: &Transit<'_>, member: &DeviceId, skmsg: &Node) -> bool {
    const RULE: &str = "a group message decrypts, with a valid signature";
    let Some(sealed) = sealed(shared, transit, skmsg) else {
        return false;
    };
    let Some(party) = lock(&shared.state).party(member) else {
        return true;
    };
    let mut party = lock(&party);
    if unopened::by_test(shared, transit, member, &mut party) {
        return true;
    }
    let group = transit.to.to_string();
    let opened = ready(party.group_decrypt(&group, &address(transit.from), &sealed));
    if opened.is_err() && unopened::is_excused(shared, transit, member, &party) {
        unopened::ask_again(shared, transit, member, &mut party);
        return true;
    }
    drop(party);
    if !lock(&shared.verdicts).check(&transit.who, RULE, opened.as_ref().map(|_| ())) {
        return false;
    }
    if let Ok(message) = opened {
        unopened::opened(shared, transit, member);
        let part = Part {
            device: member.clone(),
            enc: skmsg,
        };
        take_in(
            shared,
            transit,
            &part,
            &transit.to,
            EncKind::Skmsg,
            &message,
        );
    }
    true
}
