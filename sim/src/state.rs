//! Everything the server knows, behind one lock that is held for moments only.
//!
//! Lock order: a [`Party`] before this, never the other way round. Nothing here does cryptography.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wacore_binary::{Jid, Node};

use crate::app_state::AppState;
use crate::companion::Companion;
use crate::devices::Watcher;
use crate::fault::Faults;
use crate::feed::Feed;
use crate::group::Group;
use crate::link::Link;
use crate::number::Number;
use crate::pairing::Pairing;
use crate::party::{Bundle, Party};
use crate::peer::{Receipt, Received};
use crate::queue::{Class, Item};

/// One device: 0 is the phone (or the peer), the others are companions.
pub(crate) type DeviceId = (Number, u16);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: HashMap<Number, User>,
    lids: HashMap<String, Number>,
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) unknown: HashSet<Number>,
    /// Numbers as people write them, and what the server makes of each.
    pub(crate) spellings: HashMap<Number, Number>,
    pub(crate) links: HashMap<u64, Arc<Link>>,
    /// Sockets that want to be linked, by link.
    pub(crate) pairings: HashMap<u64, Pairing>,
    /// Faults for everybody.
    pub(crate) faults: Faults,
}

/// Somebody with a number: a phone, with or without companions. A peer is a user too.
pub(crate) struct User {
    /// The push name that goes with what the user sends.
    pub(crate) name: String,
    /// Device 0.
    pub(crate) party: Arc<Mutex<Party>>,
    pub(crate) identity: [u8; 32],
    pub(crate) companions: BTreeMap<u16, Companion>,
    /// Devices that were linked once. Neither number nor key index is given out twice.
    pub(crate) devices_made: u16,
    /// Signed by the phone whenever the companions change.
    pub(crate) key_index_list: Vec<u8>,
    /// Who is told when the companions change.
    pub(crate) watchers: BTreeSet<Watcher>,
    pub(crate) inbox: Vec<Received>,
    /// Sender and id of everything in the inbox.
    pub(crate) heard: HashSet<(String, String)>,
    pub(crate) receipts: Vec<Receipt>,
    /// Whether device 0 answers a message with a delivery receipt by itself.
    pub(crate) auto_receipts: bool,
    /// Device 0 is offline: what it owes delivery receipts for is kept until it is back.
    pub(crate) offline: bool,
    pub(crate) owed_receipts: Vec<OwedReceipt>,
    /// Devices that have device 0's sender key, per group.
    pub(crate) distributed: HashMap<String, BTreeSet<DeviceId>>,
    /// The last things device 0 sent to companions, for retry receipts.
    pub(crate) sent: VecDeque<crate::outbound::Sent>,
    pub(crate) app_state: AppState,
    pub(crate) acked: Vec<Acked>,
    pub(crate) faults: Faults,
}

/// A message that an offline device 0 has yet to confirm.
pub(crate) struct OwedReceipt {
    /// The companion that sent it.
    pub(crate) to: DeviceId,
    pub(crate) chat: Jid,
    pub(crate) id: String,
}

/// A stanza that a companion has acked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Acked {
    /// Which companion.
    pub device: u16,
    /// What kind of stanza.
    pub class: Class,
    /// Its id.
    pub id: String,
    /// Who it came from: the digits of a number, or a group's id and the digits.
    pub from: String,
}

impl User {
    fn new(number: &Number) -> Self {
        let party = Party::new();
        let digits = number.digits();
        let last = &digits[digits.len() - 4..];
        Self {
            name: format!("User {last}"),
            identity: party.identity_public(),
            party: Arc::new(Mutex::new(party)),
            companions: BTreeMap::new(),
            devices_made: 0,
            key_index_list: Vec::new(),
            watchers: BTreeSet::new(),
            inbox: Vec::new(),
            heard: HashSet::new(),
            receipts: Vec::new(),
            auto_receipts: true,
            offline: false,
            owed_receipts: Vec::new(),
            distributed: HashMap::new(),
            sent: VecDeque::new(),
            app_state: AppState::default(),
            acked: Vec::new(),
            faults: Faults::default(),
        }
    }
}

impl State {
    /// The user with this number, made on first use.
    pub(crate) fn user(&mut self, number: &Number) -> &mut User {
        let lids = &mut self.lids;
        self.users.entry(number.clone()).or_insert_with(|| {
            lids.insert(number.lid_user(), number.clone());
            User::new(number)
        })
    }

    /// The number under which the server knows somebody.
    pub(crate) fn canonical(&self, number: Number) -> Number {
        self.spellings.get(&number).cloned().unwrap_or(number)
    }

    /// Whose JID this is, and which device. A LID is known only once its user exists.
    pub(crate) fn resolve(&self, jid: &Jid) -> Option<DeviceId> {
        let number = if jid.is_lid() {
            self.lids.get(jid.user.as_str()).cloned()?
        } else if jid.is_pn() {
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

    /// One of a companion's bundles: uses up a one-time prekey, and asks the companion for more when few are left.
    pub(crate) fn take_bundle(&mut self, device: &DeviceId) -> Option<Bundle> {
        let companion = self.companion(device)?;
        let bundle = companion.take_bundle();
        if let Some(count) = companion.wants_prekeys() {
            let notification = crate::companion::prekeys_low(count);
            self.deliver(device, notification);
        }
        Some(bundle)
    }

    /// Owes a stanza to a companion, and sends it if the companion is there.
    pub(crate) fn deliver(&mut self, device: &DeviceId, item: Item) {
        let Some(user) = self.users.get_mut(&device.0) else {
            return;
        };
        let delay = user.faults.delay.or(self.faults.delay);
        let Some(companion) = user.companions.get_mut(&device.1) else {
            return;
        };
        let (class, node) = (item.class, item.node.clone());
        let place = companion.queue.push(item);
        let Some(link) = companion.link.clone().filter(|_| companion.active) else {
            return;
        };
        if companion.feed.is_some() {
            return;
        }
        if link.room() == 0 {
            companion.feed = Some(Feed::from(place));
            return;
        }
        for node in self.mangled(device, class, node) {
            link.send(&node, delay);
        }
    }

    /// Sends a stanza that nobody acks.
    pub(crate) fn tell(&self, link: &Link, who: Option<&Number>, node: &Node) {
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

    /// Forgets a socket that is gone.
    pub(crate) fn unlink_socket(&mut self, link: u64) {
        self.links.remove(&link);
        self.pairings.remove(&link);
        for user in self.users.values_mut() {
            for companion in user.companions.values_mut() {
                companion.lost(link);
            }
        }
    }
}
