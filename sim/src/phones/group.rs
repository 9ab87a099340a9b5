//! Messages of phones and peers to groups: one ciphertext for all, and the sender key for devices that do not have it.

use wacore_binary::Jid;

use waproto::whatsapp as wa;

use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::phones::seal::{self, enc};
use crate::phones::send::{know_each_other, sender};
use crate::signal::address;
use crate::signal::party::Party;
use crate::state::error::Error;
use crate::state::inbox::Received;
use crate::state::sent::{Envelope, To};
use crate::state::shared::Shared;
use crate::sync::{lock, ready};
use crate::wire::address::By;
use crate::wire::content::distribution;

/// Sends to a group, with the sender key for devices that do not have it.
pub(crate) fn send(
    shared: &Shared,
    from: &DeviceId,
    group: &str,
    message: &wa::Message,
    by: By,
    id: Option<String>,
) -> Result<String, Error> {
    let members = {
        let mut state = lock(&shared.state);
        let members = state.groups.get(group).map(|group| group.members.clone());
        let members = members.ok_or_else(|| Error::NoGroup(Jid::group(group).to_string()))?;
        for member in &members {
            know_each_other(&mut state, &from.0, member);
        }
        members
    };
    let (party, sender) = sender(shared, from)?;
    let envelope = Envelope::new(&sender, To::Group(group.to_owned(), by), message, id);
    lock(&shared.state)
        .user(&from.0)
        .remember(&envelope, message);
    send_to_members(
        shared,
        &mut lock(&party),
        &envelope,
        group,
        &members,
        message,
    )?;
    let chat = Jid::group(group);
    for member in members.iter().filter(|member| **member != from.0) {
        let received = Received::plain(&envelope.id, from, &chat, message);
        lock(&shared.state).user(member).receive(0, received);
    }
    shared.announce();
    Ok(envelope.id)
}

fn send_to_members(
    shared: &Shared,
    sender: &mut Party,
    envelope: &Envelope,
    group: &str,
    members: &[Number],
    message: &wa::Message,
) -> Result<(), Error> {
    let jid = Jid::group(group).to_string();
    let me = address(&envelope.from);
    let distribution = distribution(&jid, ready(sender.sender_key_distribution(&jid, &me))?);
    let sealed = ready(sender.group_encrypt(&jid, &me, message))?;
    let targets: Vec<DeviceId> = {
        let state = lock(&shared.state);
        let of = |member| state.companions_of(member);
        members.iter().flat_map(of).collect()
    };
    for target in targets {
        let fresh = {
            let mut state = lock(&shared.state);
            let (sender, device) = &envelope.from;
            let distributed = &mut state.user(sender).distributed;
            let known = distributed.entry((*device, group.to_owned())).or_default();
            known.insert(target.clone())
        };
        let mut encs = Vec::with_capacity(2);
        if fresh {
            encs.push(enc(
                &seal::seal(shared, sender, &target, &distribution)?,
                None,
            ));
        }
        encs.push(enc(&sealed, None));
        let item = envelope.item(&target, encs);
        deliver(&mut lock(&shared.state), &target, item);
    }
    Ok(())
}
