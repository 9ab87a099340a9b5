//! Somebody with a number: what the server and the phone know of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::signal::adv::Signing;
use crate::signal::party::Party;
use crate::state::answers::Answers;
use crate::state::app_state::AppState;
use crate::state::companion::Companion;
use crate::state::fault::Faults;
use crate::state::inbox::{Receipt, Received};
use crate::state::passkey::Passkey;
use crate::state::played::Played;
use crate::state::presence::Presence;
use crate::state::profile::Profile;
use crate::state::queue::{Class, Item};
use crate::state::restrictions::Restrictions;
use crate::state::retries::Retries;
use crate::state::sent::{Envelope, Sent};
use crate::state::tokens::Tokens;

/// Messages a device 0 remembers for retry receipts.
const REMEMBERED: usize = 2_000;

/// Somebody who has asked for a user's devices, and whether by LID: the news comes in the same addressing.
pub(crate) type Watcher = (Number, bool);

/// Somebody with a number: a phone, with or without companions. A peer is a user too.
pub(crate) struct User {
    /// The push name that goes with what the user sends.
    pub(crate) name: String,
    /// Device 0.
    pub(crate) party: Arc<Mutex<Party>>,
    pub(crate) identity: [u8; 32],
    pub(crate) companions: BTreeMap<u16, Companion>,
    /// Further devices that the simulator plays.
    pub(crate) played: BTreeMap<u16, Played>,
    /// Its app was installed anew: what was sealed before does not open, and no client is to blame.
    pub(crate) reinstalled: bool,
    /// Devices that were linked once. Neither number nor key index is given out twice.
    pub(crate) devices_made: u16,
    /// Signed by the phone whenever the companions change.
    pub(crate) key_index_list: Vec<u8>,
    /// Who is told when the companions change.
    pub(crate) watchers: BTreeSet<Watcher>,
    /// Who has written to the user, or was written to.
    pub(crate) correspondents: BTreeSet<Number>,
    pub(crate) inbox: Vec<Received>,
    /// Sender and id of everything in the inbox.
    pub(crate) heard: HashSet<(String, String)>,
    pub(crate) receipts: Vec<Receipt>,
    /// Whether its devices answer a message with delivery receipts by themselves.
    pub(crate) auto_receipts: bool,
    /// Its devices are offline: the receipts that they owe are kept until they are back.
    pub(crate) offline: bool,
    /// Receipts, and the companion that each is for.
    pub(crate) owed_receipts: Vec<(DeviceId, Item)>,
    /// What does not open at its devices.
    pub(crate) retries: Retries,
    /// Devices that have the sender key of one of its own, by that device and the group.
    pub(crate) distributed: HashMap<(u16, String), BTreeSet<DeviceId>>,
    /// The last things its devices sent to companions, for retry receipts.
    pub(crate) sent: VecDeque<Sent>,
    pub(crate) app_state: AppState,
    pub(crate) tokens: Tokens,
    /// Others know the LID only.
    pub(crate) hidden: bool,
    /// Whether the chats have moved to LIDs; `None` is what the configuration says.
    pub(crate) lid_migrated: Option<bool>,
    /// Whether the account is hosted, and how it signs for companions.
    pub(crate) signing: Signing,
    /// The account asks companions for it when they are linked.
    pub(crate) passkey: Option<Passkey>,
    /// The ADV secrets of all links so far.
    pub(crate) adv_secrets: Vec<[u8; 32]>,
    pub(crate) restrictions: Restrictions,
    pub(crate) presence: Presence,
    pub(crate) profile: Profile,
    /// What the phone answers when its companions ask for something.
    pub(crate) answers: Answers,
    pub(crate) acked: Vec<Acked>,
    pub(crate) faults: Faults,
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
    pub(crate) fn new(number: &Number) -> Self {
        let party = Party::new();
        let digits = number.digits();
        let last = &digits[digits.len() - 4..];
        Self {
            name: format!("User {last}"),
            identity: party.identity_public(),
            party: Arc::new(Mutex::new(party)),
            companions: BTreeMap::new(),
            played: BTreeMap::new(),
            reinstalled: false,
            devices_made: 0,
            key_index_list: Vec::new(),
            watchers: BTreeSet::new(),
            correspondents: BTreeSet::new(),
            inbox: Vec::new(),
            heard: HashSet::new(),
            receipts: Vec::new(),
            auto_receipts: true,
            offline: false,
            owed_receipts: Vec::new(),
            retries: Retries::default(),
            distributed: HashMap::new(),
            sent: VecDeque::new(),
            app_state: AppState::default(),
            tokens: Tokens::default(),
            hidden: false,
            lid_migrated: None,
            signing: Signing::Ordinary,
            passkey: None,
            adv_secrets: Vec::new(),
            restrictions: Restrictions::default(),
            presence: Presence::default(),
            profile: Profile::default(),
            answers: Answers::default(),
            acked: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// Every linked device, clients' and played ones, with its key index.
    pub(crate) fn linked(&self) -> impl Iterator<Item = (u16, u32)> {
        let clients = self.companions.iter();
        let clients = clients.map(|(device, it)| (*device, it.key_index));
        let played = self.played.iter();
        clients.chain(played.map(|(device, it)| (*device, it.key_index)))
    }

    /// Keeps what a device sends, for companions that ask for it again.
    pub(crate) fn remember(&mut self, envelope: &Envelope, message: &wa::Message) {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent {
            envelope: envelope.clone(),
            message: message.clone(),
            at: unix_now(),
            place: crate::id::place(),
        });
    }

    /// Whether somebody sees what a privacy setting of this user is about.
    pub(crate) fn shows(&self, setting: &str, own: &Number, to: &Number) -> bool {
        own == to
            || self
                .profile
                .shows(setting, to, self.correspondents.contains(to))
    }

    /// A message that the user has got, or has sent, by its id.
    pub(crate) fn message(&self, id: &str) -> Option<&wa::Message> {
        let received = self.inbox.iter().rev().find(|received| received.id == id);
        let received = received.map(|received| &received.message);
        let sent = || self.sent.iter().rev().find(|sent| sent.envelope.id == id);
        received.or_else(|| sent().map(|sent| &sent.message))
    }

    /// A message has opened at a device. The same one at another device, or twice, is one in the inbox.
    pub(crate) fn receive(&mut self, device: u16, mut received: Received) {
        let key = (received.from.clone(), received.id.clone());
        if self.heard.insert(key) {
            received.opened_at.insert(device);
            self.inbox.push(received);
            return;
        }
        let same = |it: &&mut Received| it.id == received.id && it.from == received.from;
        if let Some(before) = self.inbox.iter_mut().rev().find(same) {
            before.opened_at.insert(device);
        }
    }
}
