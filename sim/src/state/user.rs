//! Somebody with a number: what the server and the phone know of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use wacore_binary::Jid;
use waproto::whatsapp as wa;

use crate::number::{DeviceId, Number};
use crate::signal::party::Party;
use crate::state::app_state::AppState;
use crate::state::companion::Companion;
use crate::state::fault::Faults;
use crate::state::inbox::{Receipt, Received};
use crate::state::presence::Presence;
use crate::state::queue::Class;
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
    pub(crate) sent: VecDeque<Sent>,
    pub(crate) app_state: AppState,
    pub(crate) tokens: Tokens,
    pub(crate) presence: Presence,
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
    pub(crate) fn new(number: &Number) -> Self {
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
            tokens: Tokens::default(),
            presence: Presence::default(),
            acked: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// Keeps what device 0 sends, for companions that ask for it again.
    pub(crate) fn remember(&mut self, envelope: &Envelope, message: &wa::Message) {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent {
            envelope: envelope.clone(),
            message: message.clone(),
        });
    }

    /// Device 0 has got a message. The same one twice counts once.
    pub(crate) fn receive(&mut self, received: Received) {
        let key = (received.from.clone(), received.id.clone());
        if self.heard.insert(key) {
            self.inbox.push(received);
        }
    }
}
