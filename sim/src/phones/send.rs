//! Messages that a phone or a peer sends: sealed for each companion of those who get them.
//!
//! Between two devices that the simulator plays itself nothing is encrypted: nobody could tell.

use std::sync::{Arc, Mutex};

use waproto::whatsapp as wa;

use crate::number::{DeviceId, Number};
use crate::phones::seal;
use crate::signal::party::Party;
use crate::state::error::Error;
use crate::state::inbox::Received;
use crate::state::sent::{Envelope, To};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::By;
use crate::wire::content::copy_for_own_devices;

/// A sender's party and name, and the companions that a message goes to.
type Correspondents = (Arc<Mutex<Party>>, String, Vec<DeviceId>);

/// Sends text or anything else from device 0 to somebody. Returns the message's id.
pub(crate) fn direct(
    shared: &Shared,
    from: &Number,
    to: &Number,
    message: &wa::Message,
    by: By,
    id: Option<String>,
) -> Result<String, Error> {
    let (party, name, targets) = correspondents(shared, from, to)?;
    let envelope = Envelope::new((from, name), To::User(to.clone(), by), message, id);
    // A companion may ask for it again before this function ends.
    lock(&shared.state).user(from).remember(&envelope, message);
    let copy = copy_for_own_devices(to, by, message);
    let mut sender = lock(&party);
    for target in &targets {
        let message = if target.0 == *from { &copy } else { message };
        seal::send(shared, &mut sender, target, &envelope, message)?;
    }
    drop(sender);
    let id = envelope.id;
    if from != to {
        let chat = if by.is_lid() { from.lid() } else { from.pn() };
        lock(&shared.state)
            .user(to)
            .receive(Received::plain(&id, from, &chat, message));
    }
    shared.announce();
    Ok(id)
}

/// Sends from device 0 to somebody as one of many who get it: a status, or a broadcast list's message. Returns the
/// message's id.
pub(crate) fn broadcast(
    shared: &Shared,
    from: &Number,
    to: &Number,
    list: &str,
    message: &wa::Message,
    by: By,
    id: Option<String>,
) -> Result<String, Error> {
    let (party, name, targets) = correspondents(shared, from, to)?;
    let envelope = Envelope::new(
        (from, name),
        To::Broadcast(list.to_owned(), by),
        message,
        id,
    );
    lock(&shared.state).user(from).remember(&envelope, message);
    let mut sender = lock(&party);
    for target in targets.iter().filter(|target| target.0 == *to) {
        seal::send(shared, &mut sender, target, &envelope, message)?;
    }
    drop(sender);
    shared.announce();
    Ok(envelope.id)
}

/// The sender's party and name, and the companions of both sides.
fn correspondents(shared: &Shared, from: &Number, to: &Number) -> Result<Correspondents, Error> {
    let mut state = lock(&shared.state);
    if state.unknown.contains(to) {
        return Err(Error::NotOnWhatsApp(to.to_string()));
    }
    state.user(to);
    let user = state.user(from);
    let (party, name) = (Arc::clone(&user.party), user.name.clone());
    let mut targets = state.companions_of(to);
    if from != to {
        targets.extend(state.companions_of(from));
    }
    Ok((party, name, targets))
}
