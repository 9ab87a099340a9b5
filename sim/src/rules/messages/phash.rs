//! `phash`: a hash of the devices that a message is encrypted for. The ack has the server's hash if the sender's
//! device list differs: the message was delivered to the devices on the sender's list, and the next one has to include
//! all.
//!
//! A group message contains the sender's hash, over all devices of all members. A direct message contains none: here
//! the hash is computed over the devices that it is encrypted for, those of the recipient and the sender's other ones.

use std::collections::BTreeSet;

use wacore::messages::MessageUtils;
use wacore_binary::{Jid, JidExt as _};

use crate::number::{DeviceId, Number};
use crate::rules::messages::transit::{Transit, parts};
use crate::state::State;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// The server's hash, if the sender's device list differs from the server's.
pub(super) fn due(shared: &Shared, transit: &Transit<'_>) -> Option<String> {
    if transit.node.attrs.contains_key("category") {
        return None;
    }
    if transit.to.is_group() {
        let state = lock(&shared.state);
        let group = state.groups.get(transit.to.user.as_str())?;
        let devices = devices_of(&state, &group.members);
        let own = hash(&devices, group.settings.by_lid)?;
        return (stanza::text(transit.node, "phash")? != own.as_str()).then_some(own);
    }
    // A resent message goes to one device only.
    transit.node.get_optional_child("participants")?;
    let sealed: BTreeSet<DeviceId> = parts(shared, transit)
        .into_iter()
        .map(|part| part.device)
        .collect();
    let state = lock(&shared.state);
    let (recipient, _) = state.resolve(&transit.to)?;
    let mut devices = devices_of(&state, &[recipient, transit.from.0.clone()]);
    devices.remove(transit.from);
    let stale = sealed != devices;
    stale.then(|| hash(&devices, transit.to.is_lid())).flatten()
}

fn devices_of(state: &State, numbers: &[Number]) -> BTreeSet<DeviceId> {
    let of = |number| state.devices_of(number);
    numbers.iter().flat_map(of).collect()
}

fn hash(devices: &BTreeSet<DeviceId>, by_lid: bool) -> Option<String> {
    let jids: Vec<Jid> = devices
        .iter()
        .map(|(number, device)| match by_lid {
            true => number.lid_device(*device),
            false => number.pn_device(*device),
        })
        .collect();
    MessageUtils::participant_list_hash(&jids).ok()
}
