//! Messages of companions to groups: one ciphertext for all, and the sender key for those who have not got it.

use std::sync::Arc;

use wacore_binary::Node;

use super::{Part, Transit};
use crate::outbound::address;
use crate::party::EncKind;
use crate::sim::Shared;
use crate::stanza;
use crate::state::DeviceId;
use crate::sync::{lock, ready};
use crate::verdict::Entry;

impl Shared {
    /// Routes a message to all members. False: it broke a rule.
    pub(super) fn route_to_group(&self, transit: &Transit<'_>) -> bool {
        const MEMBER: &str = "only members write to a group";
        let (members, devices) = {
            let state = lock(&self.state);
            let group = state.groups.get(transit.to.user.as_str());
            let members = group.map(|group| group.members.clone()).unwrap_or_default();
            let devices: Vec<DeviceId> = members
                .iter()
                .flat_map(|member| state.companions_of(member))
                .collect();
            (members, devices)
        };
        let member = members.contains(&transit.from.0);
        if !lock(&self.verdicts).require(&transit.who, MEMBER, member, "not a member") {
            return false;
        }
        let mut kept = self.identity_is_sent_along(transit);
        let parts = self.parts(transit);
        for part in parts.iter().filter(|part| part.device.1 == 0) {
            kept &= self.open_direct(transit, part);
        }
        let skmsg = transit
            .node
            .get_children_by_tag("enc")
            .find(|enc| stanza::is(enc, "type", "skmsg"));
        if let Some(skmsg) = skmsg {
            let entry = self.enter(transit, transit.from, skmsg);
            kept &= entry != Entry::Broken;
            for member in members.iter().filter(|_| entry == Entry::New) {
                kept &= self.open_in_group(transit, &(member.clone(), 0), skmsg);
            }
        }
        kept & self.forward_to_companions(transit, &devices, &parts, skmsg)
    }

    /// Passes the group's ciphertext on, with what is sealed for each companion beside it.
    fn forward_to_companions(
        &self,
        transit: &Transit<'_>,
        devices: &[DeviceId],
        parts: &[Part<'_>],
        skmsg: Option<&Node>,
    ) -> bool {
        let mut kept = true;
        for device in devices.iter().filter(|device| *device != transit.from) {
            let own = parts.iter().find(|part| part.device == *device);
            if let Some(part) = own {
                kept &= self.enter(transit, device, part.enc) != Entry::Broken;
            }
            let encs: Vec<Node> = own
                .map(|part| part.enc)
                .into_iter()
                .chain(skmsg)
                .cloned()
                .collect();
            if !encs.is_empty() {
                self.forward(transit, device, encs);
            }
        }
        kept
    }

    fn open_in_group(&self, transit: &Transit<'_>, member: &DeviceId, skmsg: &Node) -> bool {
        const RULE: &str = "a group message opens, with a valid signature";
        let Some(sealed) = self.sealed(transit, skmsg) else {
            return false;
        };
        let party = Arc::clone(&lock(&self.state).user(&member.0).party);
        let group = transit.to.to_string();
        let opened = ready(lock(&party).group_decrypt(&group, &address(transit.from), &sealed));
        if !lock(&self.verdicts).check(&transit.who, RULE, opened.as_ref().map(|_| ())) {
            return false;
        }
        if let Ok(message) = opened {
            let part = Part {
                device: member.clone(),
                enc: skmsg,
            };
            self.take_in(transit, &part, &transit.to, EncKind::Skmsg, &message);
        }
        true
    }
}
