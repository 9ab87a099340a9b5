//! Which devices an account has: the list that its phone signs, and the news of it to whoever has asked before,
//! because clients keep a list until they are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use wacore_binary::Jid;
use wacore_binary::builder::NodeBuilder;

use crate::adv;
use crate::clock::unix_now;
use crate::fault::conflict;
use crate::number::Number;
use crate::queue::{Class, Item};
use crate::sim::Shared;
use crate::state::DeviceId;
use crate::sync::lock;

/// Somebody who has asked for a user's devices, and whether by LID: the news comes in the same addressing.
pub(crate) type Watcher = (Number, bool);

#[derive(Clone, Copy)]
enum Change {
    /// Linked, under this key index.
    Added(u16, u32),
    Removed(u16),
}

impl Shared {
    /// Signs the list anew after a companion was linked, and tells of it.
    pub(crate) fn device_added(&self, id: &DeviceId) {
        let companion = lock(&self.state)
            .companion(id)
            .map(|companion| companion.key_index);
        if let Some(key_index) = companion {
            self.devices_changed(&id.0, Change::Added(id.1, key_index));
        }
    }

    /// Unlinks companions: conflict `device_removed` now, 401 at later logins. Returns how many there were.
    pub(crate) fn remove_devices(&self, account: &Number, only: Option<u16>) -> usize {
        let mut removed = Vec::new();
        {
            let mut state = lock(&self.state);
            let Some(user) = state.users.get_mut(account) else {
                return 0;
            };
            let mut devices: Vec<u16> = user.companions.keys().copied().collect();
            devices.retain(|device| only.is_none_or(|only| only == *device));
            for device in devices {
                let companion = user.companions.remove(&device);
                removed.push(device);
                if let Some(link) = companion.and_then(|companion| companion.link) {
                    link.send(&conflict("device_removed", Some(401)), None);
                    link.close();
                }
            }
        }
        for device in &removed {
            self.devices_changed(account, Change::Removed(*device));
        }
        self.announce();
        removed.len()
    }

    fn devices_changed(&self, account: &Number, change: Change) {
        let (party, indexes, current) = {
            let mut state = lock(&self.state);
            let user = state.user(account);
            let companions = user.companions.values();
            let indexes: Vec<u32> = companions.map(|companion| companion.key_index).collect();
            let current = u32::from(user.devices_made);
            (Arc::clone(&user.party), indexes, current)
        };
        let list = adv::key_index_list(&lock(&party), &indexes, current, unix_now());
        let mut state = lock(&self.state);
        let user = state.user(account);
        user.key_index_list.clone_from(&list);
        let watchers: BTreeSet<Watcher> = user.watchers.clone();
        for (watcher, by_lid) in watchers {
            for companion in state.companions_of(&watcher) {
                if !is_about(&companion, account, change) {
                    state.deliver(&companion, news(account, by_lid, change, &list));
                }
            }
        }
    }
}

/// A new companion knows of itself.
fn is_about((number, device): &DeviceId, account: &Number, change: Change) -> bool {
    let (Change::Added(changed, _) | Change::Removed(changed)) = change;
    number == account && *device == changed
}

/// `<notification type="devices">` with `<add>` or `<remove>`. A removal carries the list's time, not the list.
fn news(account: &Number, by_lid: bool, change: Change, list: &[u8]) -> Item {
    let address = |device: u16| -> Jid {
        if by_lid {
            account.lid_device(device)
        } else {
            account.pn_device(device)
        }
    };
    let index = NodeBuilder::new("key-index-list").attr("ts", unix_now());
    let operation = match change {
        Change::Added(device, key_index) => {
            let device = NodeBuilder::new("device")
                .attr("jid", address(device))
                .attr("key-index", key_index);
            NodeBuilder::new("add").children([device.build(), index.bytes(list).build()])
        }
        Change::Removed(device) => {
            let device = NodeBuilder::new("device").attr("jid", address(device));
            NodeBuilder::new("remove").children([device.build(), index.build()])
        }
    };
    let id = crate::id::stanza();
    let node = NodeBuilder::new("notification")
        .attr("from", address(0))
        .attr("lid", account.lid())
        .attr("id", id.as_str())
        .attr("type", "devices")
        .attr("t", unix_now())
        .children([operation.build()])
        .build();
    Item {
        class: Class::Notification,
        id,
        origin: account.digits().to_owned(),
        node,
    }
}
