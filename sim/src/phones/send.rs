//! Messages of a phone or a peer, from any of its devices, encrypted for each companion of the recipients.
//!
//! Nothing is encrypted between two devices that the simulator runs: no client could see the difference.

use std::sync::{Arc, Mutex};

use waproto::whatsapp as wa;

use crate::number::{DeviceId, Number};
use crate::phones::seal;
use crate::signal::party::Party;
use crate::state::State;
use crate::state::error::Error;
use crate::state::inbox::Received;
use crate::state::queue::Class;
use crate::state::sent::{Envelope, Sender, To};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::By;
use crate::wire::content::copy_for_own_devices;

/// The list that a message is broadcast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broadcast<'a> {
    /// The sender's status, in a `<message>`.
    Status,
    /// The sender's status, in a `<status>`.
    StatusStanza,
    /// One of the sender's broadcast lists, by its number.
    List(&'a str),
}

/// Sends content from a device to a user. Returns the message id.
pub(crate) fn direct(
    shared: &Shared,
    from: &DeviceId,
    to: &Number,
    message: &wa::Message,
    by: By,
    id: Option<String>,
) -> Result<String, Error> {
    let (party, sender) = sender(shared, from)?;
    let targets = targets(shared, &from.0, to)?;
    let envelope = Envelope::new(&sender, To::User(to.clone(), by), message, id);
    // A companion may request the message again before this function returns.
    lock(&shared.state)
        .user(&from.0)
        .remember(&envelope, message);
    let copy = copy_for_own_devices(to, by, message);
    let mut party = lock(&party);
    for target in &targets {
        let own = target.0 == from.0;
        let message = if own { &copy } else { message };
        seal::send(shared, &mut party, target, &envelope, message)?;
    }
    drop(party);
    let id = envelope.id;
    let blocked = lock(&shared.state)
        .user(to)
        .profile
        .blocked
        .contains_key(&from.0);
    if from.0 != *to && !blocked {
        let chat = match by.is_lid() {
            true => from.0.lid(),
            false => from.0.pn(),
        };
        let received = Received::plain(&id, from, &chat, message);
        lock(&shared.state).user(to).receive(0, received);
    }
    shared.announce();
    Ok(id)
}

/// Sends from a device to a user as one of many recipients: a status, or a message of a broadcast list. Returns the
/// message id.
pub(crate) fn broadcast(
    shared: &Shared,
    from: &DeviceId,
    to: &Number,
    list: Broadcast<'_>,
    message: &wa::Message,
    by: By,
    id: Option<String>,
) -> Result<String, Error> {
    let (party, sender) = sender(shared, from)?;
    let targets = targets(shared, &from.0, to)?;
    let to_list = match list {
        Broadcast::Status => To::Broadcast("status".to_owned(), by, Class::Message),
        Broadcast::StatusStanza => To::Broadcast("status".to_owned(), by, Class::Status),
        Broadcast::List(number) => To::Broadcast(number.to_owned(), by, Class::Message),
    };
    let envelope = Envelope::new(&sender, to_list, message, id);
    lock(&shared.state)
        .user(&from.0)
        .remember(&envelope, message);
    let mut party = lock(&party);
    for target in targets.iter().filter(|target| target.0 == *to) {
        seal::send(shared, &mut party, target, &envelope, message)?;
    }
    drop(party);
    shared.announce();
    Ok(envelope.id)
}

/// The Signal state of a device, and the fields that its messages carry.
pub(crate) fn sender(
    shared: &Shared,
    device: &DeviceId,
) -> Result<(Arc<Mutex<Party>>, Sender), Error> {
    let mut state = lock(&shared.state);
    let party = state.party(device).ok_or(Error::NotLinked)?;
    let user = state.user(&device.0);
    let added = user.played.get(&device.1);
    let sender = Sender {
        device: device.clone(),
        name: user.name.clone(),
        device_identity: added.map(|added| added.device_identity.clone()),
    };
    Ok((party, sender))
}

/// The companions of both sides.
fn targets(shared: &Shared, from: &Number, to: &Number) -> Result<Vec<DeviceId>, Error> {
    let mut state = lock(&shared.state);
    if state.unknown.contains(to) {
        return Err(Error::NotOnWhatsApp(to.to_string()));
    }
    know_each_other(&mut state, from, to);
    // The server accepts messages of a blocked contact, and discards them.
    let blocked = state.user(to).profile.blocked.contains_key(from);
    let mut targets = match blocked {
        true => Vec::new(),
        false => state.companions_of(to),
    };
    if from != to {
        targets.extend(state.companions_of(from));
    }
    Ok(targets)
}

/// Records that two users have a chat: each is notified when the other's identity changes.
pub(crate) fn know_each_other(state: &mut State, one: &Number, other: &Number) {
    state.user(one).correspondents.insert(other.clone());
    state.user(other).correspondents.insert(one.clone());
}
