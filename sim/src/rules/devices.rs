//! The devices of an account: the list that its phone signs, and the notifications of changes to accounts that have
//! queried the list, because clients cache it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wacore_binary::Jid;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number, PROVIDER};
use crate::phones;
use crate::signal::adv::{self, Signing};
use crate::state::State;
use crate::state::queue::Item;
use crate::state::shared::Shared;
use crate::state::user::Watcher;
use crate::sync::lock;
use crate::wire::ending::conflict;

#[derive(Clone, Copy)]
enum Change {
    /// Linked, with this key index.
    Added(u16, u32),
    Removed(u16),
}

/// Signs the list again after a companion was linked, and notifies.
pub(crate) fn added(shared: &Shared, id: &DeviceId) {
    let companion = lock(&shared.state)
        .companion(id)
        .map(|companion| companion.key_index);
    if let Some(key_index) = companion {
        devices_changed(shared, &id.0, Change::Added(id.1, key_index));
    }
}

/// Links this many devices that the simulator runs. Returns their numbers.
pub(crate) fn play(shared: &Shared, account: &Number, count: u16) -> Vec<u16> {
    let mut linked = Vec::new();
    for _ in 0..count {
        let (_, device) = phones::devices::link(shared, account);
        let change = Change::Added(device, u32::from(device));
        devices_changed(shared, account, change);
        linked.push(device);
    }
    shared.announce();
    linked
}

/// Makes an account hosted, or no longer hosted: adds or removes its provider's device.
pub(crate) fn host(shared: &Shared, account: &Number, signing: Signing) {
    let before = std::mem::replace(&mut lock(&shared.state).user(account).signing, signing);
    match (before, signing) {
        (Signing::Ordinary, Signing::Ordinary) => {}
        (Signing::Ordinary, _) => {
            let key_index = phones::devices::link_provider(shared, account);
            devices_changed(shared, account, Change::Added(PROVIDER, key_index));
            shared.announce();
        }
        (_, Signing::Ordinary) => {
            remove(shared, account, Some(PROVIDER));
        }
        _ => {}
    }
}

/// Reinstalls the contact's phone. Everyone who has a chat with the contact is notified of the new identity.
pub(crate) fn reinstall(shared: &Shared, account: &Number) {
    remove(shared, account, None);
    phones::devices::reinstall(shared, account);
    let mut state = lock(&shared.state);
    let correspondents = state.user(account).correspondents.clone();
    for correspondent in correspondents {
        for companion in state.companions_of(&correspondent) {
            let hidden = state.is_hidden(account);
            deliver(&mut state, &companion, new_identity(account, hidden));
        }
    }
    drop(state);
    shared.announce();
}

/// `<notification type="encrypt"><identity/>`.
fn new_identity(account: &Number, hidden: bool) -> Item {
    let news = NodeBuilder::new("notification")
        .attr("from", if hidden { account.lid() } else { account.pn() })
        .attr("lid", account.lid())
        .children([NodeBuilder::new("identity").build()]);
    Item::notification("encrypt", account.digits().to_owned(), news)
}

/// Unlinks companions: conflict `device_removed` now, 401 at later logins. Returns the number of companions.
pub(crate) fn remove(shared: &Shared, account: &Number, only: Option<u16>) -> usize {
    let mut removed = Vec::new();
    {
        let mut state = lock(&shared.state);
        let Some(user) = state.users.get_mut(account) else {
            return 0;
        };
        let mut devices: Vec<u16> = user.linked().map(|(device, _)| device).collect();
        // Only the business can remove the provider's device, not a person.
        devices.retain(|device| match only {
            Some(only) => only == *device,
            None => *device != PROVIDER,
        });
        for device in devices {
            let companion = user.companions.remove(&device);
            user.played.remove(&device);
            removed.push(device);
            if let Some(link) = companion.and_then(|companion| companion.link) {
                link.end(&conflict("device_removed", Some(401)));
            }
        }
    }
    for device in &removed {
        devices_changed(shared, account, Change::Removed(*device));
    }
    shared.announce();
    removed.len()
}

fn devices_changed(shared: &Shared, account: &Number, change: Change) {
    let (party, indexes, current) = {
        let mut state = lock(&shared.state);
        let user = state.user(account);
        let indexes: Vec<u32> = user.linked().map(|(_, key_index)| key_index).collect();
        let current = u32::from(user.devices_made);
        (Arc::clone(&user.party), indexes, current)
    };
    let list = adv::key_index_list(&lock(&party), &indexes, current, unix_now());
    let mut state = lock(&shared.state);
    let user = state.user(account);
    user.key_index_list.clone_from(&list);
    let watchers: BTreeSet<Watcher> = user.watchers.clone();
    // An account that has queried by LID and by number is notified once, by LID.
    let by_lid: BTreeMap<Number, bool> = watchers.into_iter().collect();
    for (watcher, by_lid) in by_lid.into_iter().filter(|(watcher, _)| watcher != account) {
        let own = state.user(&watcher).faults.hides_devices();
        if own || state.faults.hides_devices() {
            continue;
        }
        let item = news(&state, account, by_lid, change, &list);
        for companion in state.companions_of(&watcher) {
            deliver(&mut state, &companion, item.clone());
        }
    }
    let item = own_news(&mut state, account, &list);
    for companion in state.companions_of(account) {
        if !is_about(&companion, account, change) {
            deliver(&mut state, &companion, item.clone());
        }
    }
}

/// A new companion needs no notification about itself.
fn is_about((number, device): &DeviceId, account: &Number, change: Change) -> bool {
    let (Change::Added(changed, _) | Change::Removed(changed)) = change;
    number == account && *device == changed
}

/// `<notification type="devices">` with `<add>` or `<remove>`. A removal has the list's timestamp, but not the list.
fn news(state: &State, account: &Number, by_lid: bool, change: Change, list: &[u8]) -> Item {
    let address = |device: u16| -> Jid {
        if by_lid {
            account.lid_device(device)
        } else {
            account.pn_device(device)
        }
    };
    let index = NodeBuilder::new("key-index-list").attr("ts", unix_now());
    let (tag, device, index) = match change {
        Change::Added(device, key_index) => {
            let node = NodeBuilder::new("device").attr("key-index", key_index);
            ("add", node.attr("jid", address(device)), index.bytes(list))
        }
        Change::Removed(device) => {
            let node = NodeBuilder::new("device").attr("jid", address(device));
            ("remove", node, index)
        }
    };
    let operation = NodeBuilder::new(tag)
        .attr(
            "device_hash",
            state.device_hash(account, by_lid).unwrap_or_default(),
        )
        .children([device.build(), index.build()]);
    let news = NodeBuilder::new("notification")
        .attr("from", address(0))
        .attr("lid", account.lid())
        .children([operation.build()]);
    Item::notification("devices", account.digits().to_owned(), news)
}

/// `<notification type="account_sync">` with all `<devices>` of the account, for its own companions.
fn own_news(state: &mut State, account: &Number, list: &[u8]) -> Item {
    let hash = state.device_hash(account, false).unwrap_or_default();
    let phone = NodeBuilder::new("device").attr("jid", account.pn());
    let mut children = vec![phone.build()];
    children.extend(state.user(account).linked().map(|(device, key_index)| {
        NodeBuilder::new("device")
            .attr("jid", account.pn_device(device))
            .attr("key-index", key_index)
            .build()
    }));
    let index = NodeBuilder::new("key-index-list").attr("ts", unix_now());
    children.push(index.bytes(list).build());
    let devices = NodeBuilder::new("devices")
        .attr("dhash", hash)
        .children(children);
    let news = NodeBuilder::new("notification")
        .attr("from", account.pn())
        .children([devices.build()]);
    Item::notification("account_sync", account.digits().to_owned(), news)
}
