//! A contact's further devices, which the simulator plays: they are linked to its phone, and each has keys of its own.

use std::sync::{Arc, Mutex};

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::signal::adv;
use crate::signal::party::Party;
use crate::state::played::Played;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Links one more device.
pub(crate) fn link(shared: &Shared, number: &Number) -> DeviceId {
    let (account, device) = {
        let mut state = lock(&shared.state);
        let user = state.user(number);
        user.devices_made += 1;
        (Arc::clone(&user.party), user.devices_made)
    };
    let key_index = u32::from(device);
    let party = Party::new();
    let identity = party.identity_public();
    let device_identity =
        adv::signed_device_identity(&lock(&account), &party, key_index, unix_now());
    let played = Played {
        party: Arc::new(Mutex::new(party)),
        identity,
        key_index,
        device_identity,
    };
    let mut state = lock(&shared.state);
    state.user(number).played.insert(device, played);
    (number.clone(), device)
}

/// The phone is set up anew: another identity, and nothing of what it knew. Its further devices are gone.
pub(crate) fn reinstall(shared: &Shared, number: &Number) {
    let party = Party::new();
    let mut state = lock(&shared.state);
    let user = state.user(number);
    user.identity = party.identity_public();
    user.party = Arc::new(Mutex::new(party));
    user.played.clear();
    user.key_index_list.clear();
    user.distributed.clear();
    user.sent.clear();
    user.reinstalled = true;
}
