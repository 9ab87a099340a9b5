//! A contact's additional devices, which the simulator runs: they are linked to the contact's phone, and each has its
//! own keys.

use std::sync::{Arc, Mutex};

use crate::clock::unix_now;
use crate::number::{DeviceId, Number, PROVIDER};
use crate::signal::adv::{self, Signing};
use crate::signal::party::Party;
use crate::state::played::Played;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Links one more device.
pub(crate) fn link(shared: &Shared, number: &Number) -> DeviceId {
    let device = next_number(shared, number);
    add(shared, number, device, u32::from(device), Signing::Ordinary);
    (number.clone(), device)
}

/// Links the provider's device of a hosted business. Returns its key index.
pub(crate) fn link_provider(shared: &Shared, number: &Number) -> u32 {
    let key_index = u32::from(next_number(shared, number));
    add(shared, number, PROVIDER, key_index, Signing::Provider);
    key_index
}

/// A device number that was never used. The key index is the same.
fn next_number(shared: &Shared, number: &Number) -> u16 {
    let mut state = lock(&shared.state);
    let made = &mut state.user(number).devices_made;
    *made += 1;
    *made
}

fn add(shared: &Shared, number: &Number, device: u16, key_index: u32, signing: Signing) {
    let account = Arc::clone(&lock(&shared.state).user(number).party);
    let party = Party::new();
    let identity = party.identity_public();
    let account = lock(&account);
    let device_identity =
        adv::signed_device_identity(&account, &party, key_index, unix_now(), signing);
    drop(account);
    let played = Played {
        party: Arc::new(Mutex::new(party)),
        identity,
        key_index,
        device_identity,
    };
    lock(&shared.state)
        .user(number)
        .played
        .insert(device, played);
}

/// Reinstalls the phone: a new identity, without its earlier state. Its additional devices are removed.
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
