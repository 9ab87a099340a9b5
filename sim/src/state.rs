//! The server's state, behind one lock that is held only briefly.
//!
//! Lock order: first a party, then this lock. Nothing here does cryptography.

pub(crate) mod answers;
pub(crate) mod app_state;
pub(crate) mod call;
pub(crate) mod channel;
pub(crate) mod community;
pub(crate) mod companion;
pub(crate) mod config;
pub(crate) mod error;
pub(crate) mod fault;
pub(crate) mod feed;
pub(crate) mod group;
pub(crate) mod inbox;
pub(crate) mod limits;
pub(crate) mod link;
pub(crate) mod media;
pub(crate) mod pairing;
pub(crate) mod passkey;
pub(crate) mod played;
pub(crate) mod presence;
pub(crate) mod profile;
pub(crate) mod queue;
pub(crate) mod restrictions;
pub(crate) mod retries;
pub(crate) mod sent;
pub(crate) mod shared;
pub(crate) mod tokens;
pub(crate) mod user;
pub(crate) mod verdict;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wacore_binary::{Jid, Node};

use crate::number::{DeviceId, Number, PROVIDER};
use crate::signal::party::Party;
use call::CallSign;
use channel::Channel;
use companion::{Companion, SocketEnd};
use fault::Faults;
use group::Group;
use link::Link;
use media::Media;
use pairing::Pairing;
use user::User;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: HashMap<Number, User>,
    lids: HashMap<String, Number>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// The number of groups created so far, including deleted ones; group ids are derived from it.
    pub(crate) groups_made: u64,
    pub(crate) channels: BTreeMap<String, Channel>,
    pub(crate) channels_made: u64,
    pub(crate) unknown: HashSet<Number>,
    /// Numbers with several spellings, and the one that the server uses.
    pub(crate) spellings: HashMap<Number, Number>,
    pub(crate) links: HashMap<u64, Arc<Link>>,
    /// Unlinked sockets that offer a pairing, by link id.
    pub(crate) pairings: HashMap<u64, Pairing>,
    /// The recorded stanzas of calls, in order.
    pub(crate) calls: Vec<CallSign>,
    pub(crate) media: Media,
    /// The number of profile pictures created so far; picture ids are derived from it.
    pub(crate) pictures_made: u64,
    /// Faults for all accounts.
    pub(crate) faults: Faults,
}

impl State {
    /// The user with this number, created on first use.
    pub(crate) fn user(&mut self, number: &Number) -> &mut User {
        let lids = &mut self.lids;
        self.users.entry(number.clone()).or_insert_with(|| {
            lids.insert(number.lid_user(), number.clone());
            User::new(number)
        })
    }

    /// Moves a user to another number, which must not be in use. The old number is then unused.
    pub(crate) fn renumber(&mut self, old: &Number, new: &Number) {
        let Some(mut user) = self.users.remove(old) else {
            return;
        };
        // Messages sent under the old addresses cannot be sent again.
        user.sent.clear();
        user.distributed.clear();
        user.watchers.clear();
        self.lids.remove(&old.lid_user());
        self.lids.insert(new.lid_user(), new.clone());
        self.unknown.insert(old.clone());
        for other in self.users.values_mut() {
            if other.correspondents.remove(old) {
                other.correspondents.insert(new.clone());
            }
        }
        self.users.insert(new.clone(), user);
    }

    /// Hides or shows a user's number.
    pub(crate) fn hide(&mut self, number: &Number, hidden: bool) {
        self.user(number).hidden = hidden;
        for group in self.groups.values_mut() {
            match hidden {
                true => group.hidden.insert(number.clone()),
                false => group.hidden.remove(number),
            };
        }
    }

    pub(crate) fn is_hidden(&self, number: &Number) -> bool {
        self.users.get(number).is_some_and(|user| user.hidden)
    }

    /// The number under which the server knows a user.
    pub(crate) fn canonical(&self, number: Number) -> Number {
        self.spellings.get(&number).cloned().unwrap_or(number)
    }

    /// The user and device of a JID. A LID resolves only if its user exists.
    pub(crate) fn resolve(&self, jid: &Jid) -> Option<DeviceId> {
        let number = if jid.server.is_lid_family() {
            self.lids.get(jid.user.as_str()).cloned()?
        } else if jid.server.is_pn_family() {
            self.canonical(jid.user.parse().ok()?)
        } else {
            return None;
        };
        Some((number, jid.device))
    }

    pub(crate) fn companion(&mut self, (number, device): &DeviceId) -> Option<&mut Companion> {
        self.users.get_mut(number)?.companions.get_mut(device)
    }

    /// All companions of a user.
    pub(crate) fn companions_of(&self, number: &Number) -> Vec<DeviceId> {
        let user = self.users.get(number);
        user.into_iter()
            .flat_map(|user| user.companions.keys())
            .map(|device| (number.clone(), *device))
            .collect()
    }

    /// The devices of a user that the simulator runs and for which messages are encrypted: the phone and the devices
    /// added to it, but not a provider's device.
    pub(crate) fn played_by(&self, number: &Number) -> Vec<DeviceId> {
        let user = self.users.get(number);
        let added = user
            .into_iter()
            .flat_map(|user| user.played.keys().copied())
            .filter(|device| *device != PROVIDER);
        let devices = std::iter::once(0).chain(added);
        devices.map(|device| (number.clone(), device)).collect()
    }

    /// All devices of a user: those that the simulator runs, and companions.
    pub(crate) fn devices_of(&self, number: &Number) -> Vec<DeviceId> {
        let mut devices = self.played_by(number);
        devices.extend(self.companions_of(number));
        devices
    }

    /// WhatsApp's hash (`phash`) over the devices of a user.
    pub(crate) fn device_hash(&self, number: &Number, by_lid: bool) -> Option<String> {
        let devices = self.devices_of(number).into_iter();
        let devices: Vec<u16> = devices.map(|(_, device)| device).collect();
        number.device_hash(&devices, by_lid)
    }

    /// Whether the simulator runs this device.
    pub(crate) fn plays(&self, (number, device): &DeviceId) -> bool {
        let added = |number| self.users.get(number)?.played.get(device);
        *device == 0 || added(number).is_some()
    }

    /// The Signal endpoint of a device that the simulator runs.
    pub(crate) fn party(&mut self, (number, device): &DeviceId) -> Option<Arc<Mutex<Party>>> {
        let user = self.user(number);
        match device {
            0 => Some(Arc::clone(&user.party)),
            added => user
                .played
                .get(added)
                .map(|played| Arc::clone(&played.party)),
        }
    }

    /// Sends a stanza that needs no ack.
    pub(crate) fn send_unqueued(&self, link: &Link, who: Option<&Number>, node: &Node) {
        link.send(node, self.delay(who));
    }

    pub(crate) fn delay(&self, who: Option<&Number>) -> Option<Duration> {
        let own = who.and_then(|number| self.users.get(number)?.faults.delay);
        own.or(self.faults.delay)
    }

    /// The sockets of one account's companions, or all sockets.
    pub(crate) fn links_of(&self, account: Option<&Number>) -> Vec<Arc<Link>> {
        match account {
            None => self.links.values().cloned().collect(),
            Some(number) => {
                let user = self.users.get(number);
                user.into_iter()
                    .flat_map(|user| user.companions.values())
                    .filter_map(|companion| companion.link.clone())
                    .collect()
            }
        }
    }

    /// Removes a closed socket.
    pub(crate) fn unlink_socket(&mut self, link: u64, how: SocketEnd) {
        self.links.remove(&link);
        self.pairings.remove(&link);
        for user in self.users.values_mut() {
            for companion in user.companions.values_mut() {
                companion.lost(link, how);
            }
        }
    }
}
