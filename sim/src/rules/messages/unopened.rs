//! Messages that a device cannot decrypt, and requests again: because a test set this up, because the phone was
//! reinstalled and does not have the session that the sender still uses, or because the message that brought the sender's
//! key for a group was lost with the sender's socket.

use wacore_binary::JidExt as _;

use crate::number::DeviceId;
use crate::phones::retry::{self, Unopened};
use crate::rules::messages::transit::Transit;
use crate::signal::address;
use crate::signal::party::Party;
use crate::state::retries::Ask;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Whether a test has set up that the message cannot be decrypted now; if so, the device requests it again.
pub(super) fn by_test(
    shared: &Shared,
    transit: &Transit<'_>,
    device: &DeviceId,
    party: &mut Party,
) -> bool {
    let key = key(transit, device);
    let due = {
        let mut state = lock(&shared.state);
        state.user(&device.0).retries.arrived(&key)
    };
    let Some(due) = due else { return false };
    ask(shared, transit, device, party, due);
    true
}

/// Whether the device, and not the client, is the cause that a message could not be decrypted.
pub(super) fn is_excused(
    shared: &Shared,
    transit: &Transit<'_>,
    device: &DeviceId,
    party: &Party,
) -> bool {
    let mut state = lock(&shared.state);
    let reinstalled = device.1 == 0 && state.user(&device.0).reinstalled;
    let from = address(transit.from);
    if transit.carries_skmsg() {
        let sender_was_cut = state.companion(transit.from).is_some_and(|it| it.was_cut);
        let known = party.has_sender_key(&transit.to.to_string(), &from);
        return (reinstalled || sender_was_cut) && !known;
    }
    reinstalled && !party.has_session(&from)
}

/// Requests the message that the device could not decrypt.
pub(super) fn ask_again(
    shared: &Shared,
    transit: &Transit<'_>,
    device: &DeviceId,
    party: &mut Party,
) {
    let key = key(transit, device);
    let due = {
        let mut state = lock(&shared.state);
        state.user(&device.0).retries.failed(key)
    };
    ask(shared, transit, device, party, due);
}

fn ask(shared: &Shared, transit: &Transit<'_>, device: &DeviceId, party: &mut Party, due: Ask) {
    let own = device.0 == transit.from.0;
    // A message that is resent to one device of the account has an attribute with the chat.
    let recipient = transit.recipient().filter(|_| own);
    let to = recipient.unwrap_or_else(|| transit.to.clone());
    let to = match to.is_group() {
        true => to,
        false => to.to_non_ad(),
    };
    let unopened = Unopened {
        device,
        sender: transit.from,
        to: &to,
        id: &transit.id,
    };
    retry::ask(shared, party, &unopened, due);
}

/// A device has decrypted the message, or had decrypted it before.
pub(super) fn opened(shared: &Shared, transit: &Transit<'_>, device: &DeviceId) {
    let key = key(transit, device);
    lock(&shared.state).user(&device.0).retries.opened(&key);
    transit.opened_at.borrow_mut().push(device.clone());
}

/// Whether the device still waits for the message to be resent.
pub(super) fn is_awaited(shared: &Shared, transit: &Transit<'_>, device: &DeviceId) -> bool {
    let key = key(transit, device);
    lock(&shared.state).user(&device.0).retries.awaits(&key)
}

fn key(transit: &Transit<'_>, device: &DeviceId) -> (u16, DeviceId, String) {
    (device.1, transit.from.clone(), transit.id.clone())
}
