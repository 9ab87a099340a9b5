//! Messages of companions to groups: one ciphertext for all, and the sender key for those who have not got it.

use wacore_binary::Node;

use crate::number::DeviceId;
use crate::rules::messages::forward::forward;
use crate::rules::messages::open::{open_direct, take_in};
use crate::rules::messages::transit::{
    Part, Transit, enter, identity_is_sent_along, parts, sealed,
};
use crate::rules::messages::unopened;
use crate::signal::address;
use crate::signal::party::EncKind;
use crate::state::shared::Shared;
use crate::state::verdict::Entry;
use crate::sync::{lock, ready};
use crate::wire::stanza;

/// Routes a message to all members. False: it broke a rule.
pub(super) fn route(shared: &Shared, transit: &Transit<'_>) -> bool {
    const MEMBER: &str = "only members write to a group";
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
    let member = members.contains(&transit.from.0);
    if !lock(&shared.verdicts).require(&transit.who, MEMBER, member, "not a member") {
        return false;
    }
    let mut kept = identity_is_sent_along(shared, transit);
    let parts = parts(shared, transit);
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

/// Passes the group's ciphertext on, with what is sealed for each companion beside it.
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
    const RULE: &str = "a group message opens, with a valid signature";
    let Some(sealed) = sealed(shared, transit, skmsg) else {
        return false;
    };
    let Some(party) = lock(&shared.state).party(member) else {
        return true;
    };
    let mut party = lock(&party);
    if unopened::on_command(shared, transit, member, &mut party) {
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
