//! A user, with a number: the state of the server and of the phone.

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

/// The number of messages that a device 0 keeps for retry receipts.
const REMEMBERED: usize = 2_000;

/// An account that has queried a user's devices, and whether by LID: notifications use the same addressing.
pub(crate) type Watcher = (Number, bool);

/// A user with a number: a phone, with or without companions. A peer is a user, too.
pub(crate) struct User {
    /// The push name, which is sent with the user's messages.
    pub(crate) name: String,
    /// Device 0.
    pub(crate) party: Arc<Mutex<Party>>,
    pub(crate) identity: [u8; 32],
    pub(crate) companions: BTreeMap<u16, Companion>,
    /// Additional devices that the simulator runs.
    pub(crate) played: BTreeMap<u16, Played>,
    /// The app was reinstalled: messages encrypted before that fail to decrypt, which is not the client's fault.
    pub(crate) reinstalled: bool,
    /// The number of devices ever linked. Neither a device number nor a key index is reused.
    pub(crate) devices_made: u16,
    /// The device list. The phone signs it again after each change.
    pub(crate) key_index_list: Vec<u8>,
    /// The accounts to notify of changes of the device list.
    pub(crate) watchers: BTreeSet<Watcher>,
    /// The people who have exchanged messages with the user.
    pub(crate) correspondents: BTreeSet<Number>,
    pub(crate) inbox: Vec<Received>,
    /// Sender and id of everything in the inbox.
    pub(crate) received_keys: HashSet<(String, String)>,
    pub(crate) receipts: Vec<Receipt>,
    /// Whether its devices send delivery receipts automatically.
    pub(crate) auto_receipts: bool,
    /// Its devices are offline: their receipts are kept until they are online.
    pub(crate) offline: bool,
    /// Pending receipts, and the companion that each is for.
    pub(crate) owed_receipts: Vec<(DeviceId, Item)>,
    /// Messages that fail to decrypt on its devices.
    pub(crate) retries: Retries,
    /// The devices that have the sender key of one of the user's own devices, by that device and the group.
    pub(crate) distributed: HashMap<(u16, String), BTreeSet<DeviceId>>,
    /// The newest messages that its devices sent to companions, for retry receipts.
    pub(crate) sent: VecDeque<Sent>,
    pub(crate) app_state: AppState,
    pub(crate) tokens: Tokens,
    /// The number is hidden: others get only the LID.
    pub(crate) hidden: bool,
    /// Whether the chats are migrated to LIDs; `None`: as in the configuration.
    pub(crate) lid_migrated: Option<bool>,
    /// Whether the account is hosted, and how it signs for companions.
    pub(crate) signing: Signing,
    /// The passkey that companions need for linking, if any.
    pub(crate) passkey: Option<Passkey>,
    /// The ADV secrets of all links so far.
    pub(crate) adv_secrets: Vec<[u8; 32]>,
    pub(crate) restrictions: Restrictions,
    pub(crate) presence: Presence,
    pub(crate) profile: Profile,
    /// The phone's answers to its companions' requests.
    pub(crate) answers: Answers,
    pub(crate) acked: Vec<Acked>,
    pub(crate) faults: Faults,
}

/// A stanza that a companion has acked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Acked {
    /// The companion.
    pub device: u16,
    /// The class of the stanza.
    pub class: Class,
    /// Its id.
    pub id: String,
    /// The sender of the stanza: the digits of a number, or a group's id and the digits.
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
            received_keys: HashSet::new(),
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

    /// All linked devices, of clients and of the simulator, with their key indexes.
    pub(crate) fn linked(&self) -> impl Iterator<Item = (u16, u32)> {
        let clients = self.companions.iter();
        let clients = clients.map(|(device, it)| (*device, it.key_index));
        let played = self.played.iter();
        clients.chain(played.map(|(device, it)| (*device, it.key_index)))
    }

    /// Keeps a sent message, for companions that request it again.
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

    /// Whether a person may see the field of this user's privacy setting.
    pub(crate) fn shows(&self, setting: &str, own: &Number, to: &Number) -> bool {
        own == to
            || self
                .profile
                .shows(setting, to, self.correspondents.contains(to))
    }

    /// A message that the user has received or sent, by its id.
    pub(crate) fn message(&self, id: &str) -> Option<&wa::Message> {
        let received = self.inbox.iter().rev().find(|received| received.id == id);
        let received = received.map(|received| &received.message);
        let sent = || self.sent.iter().rev().find(|sent| sent.envelope.id == id);
        received.or_else(|| sent().map(|sent| &sent.message))
    }

    /// A device has decrypted a message. The inbox has one entry for a message, also if it is decrypted on several
    /// devices or twice.
    pub(crate) fn receive(&mut self, device: u16, mut received: Received) {
        let key = (received.from.clone(), received.id.clone());
        if self.received_keys.insert(key) {
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
