//! A linked device of an account, as the server knows it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::signal::party::{Bundle, SignedPreKey};
use crate::state::feed::Feed;
use crate::state::limits::{Limited, Meter};
use crate::state::link::Link;
use crate::state::queue::Queue;

/// With fewer one-time prekeys than this, the companion is asked to upload more. Clients ignore a repeated request.
const PREKEYS_LOW: usize = 5;

/// A companion: its keys, its queue, and its socket if it is connected.
pub(crate) struct Companion {
    pub(crate) key_index: u32,
    pub(crate) noise: [u8; 32],
    /// Its `ADVSignedDeviceIdentity`, with both signatures.
    pub(crate) device_identity: Vec<u8>,
    pub(crate) keys: Keys,
    pub(crate) about: About,
    pub(crate) queue: Queue,
    /// The part of the queue that its socket has not received yet, while it lags behind.
    pub(crate) feed: Option<Feed>,
    pub(crate) link: Option<Arc<Link>>,
    /// True if the companion has requested its stanzas.
    pub(crate) active: bool,
    /// The last `<presence type>` on this socket.
    pub(crate) presence: Option<String>,
    /// True if the phone has sent its keys and history.
    pub(crate) bootstrapped: bool,
    /// What has changed since the companion last queried it: `account_sync`, `groups`. Reported at its next login.
    pub(crate) dirty: BTreeSet<&'static str>,
    /// True if one of its sockets has ended, or was replaced, without a close of the client: what it wrote last may not have
    /// arrived.
    pub(crate) was_cut: bool,
    /// The used part of its budgets.
    pub(crate) meters: BTreeMap<Limited, Meter>,
}

/// How a socket has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketEnd {
    /// Closed by the client, after everything that it wrote.
    Closed,
    /// In any other way.
    Cut,
}

/// The fields with which a companion registers.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct About {
    /// `DeviceProps.os`: the name under "Linked devices".
    pub name: String,
    /// `DeviceProps.platformType`.
    pub platform: String,
    /// `ClientPayload.pushName`, if it sent one.
    pub push_name: Option<String>,
}

/// A companion's public keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) registration_id: u32,
    pub(crate) identity: [u8; 32],
    pub(crate) signed: SignedPreKey,
    pub(crate) one_time: VecDeque<(u32, [u8; 32])>,
    /// True if the companion has uploaded them; before that, they are those of its registration.
    pub(crate) uploaded: bool,
    /// True if the companion was asked for more.
    asked: bool,
}

impl Keys {
    pub(crate) fn registered(
        registration_id: u32,
        identity: [u8; 32],
        signed: SignedPreKey,
    ) -> Self {
        Self {
            registration_id,
            identity,
            signed,
            one_time: VecDeque::new(),
            uploaded: false,
            asked: false,
        }
    }

    /// Stores an upload: new one-time prekeys are added to the remaining ones.
    pub(crate) fn upload(
        &mut self,
        registration_id: u32,
        signed: SignedPreKey,
        one_time: Vec<(u32, [u8; 32])>,
    ) {
        self.registration_id = registration_id;
        self.signed = signed;
        self.one_time.extend(one_time);
        self.uploaded = true;
        self.asked = false;
    }
}

impl Companion {
    /// A newly linked companion, to which everything is new.
    pub(crate) fn new(key_index: u32, keys: Keys) -> Self {
        Self {
            key_index,
            noise: [0; 32],
            device_identity: Vec::new(),
            keys,
            about: About::default(),
            queue: Queue::default(),
            feed: None,
            link: None,
            active: false,
            presence: None,
            bootstrapped: false,
            dirty: BTreeSet::from(["account_sync", "groups"]),
            was_cut: false,
            meters: BTreeMap::new(),
        }
    }

    pub(crate) fn take_bundle(&mut self) -> Bundle {
        let Keys {
            registration_id,
            identity,
            signed,
            one_time,
            ..
        } = &mut self.keys;
        Bundle {
            registration_id: *registration_id,
            identity: *identity,
            signed: signed.clone(),
            one_time: one_time.pop_front(),
        }
    }

    /// The number of prekeys left, if the companion has to be asked for more now.
    pub(crate) fn wants_prekeys(&mut self) -> Option<usize> {
        let left = self.keys.one_time.len();
        let ask = self.keys.uploaded && !self.keys.asked && left < PREKEYS_LOW;
        self.keys.asked |= ask;
        ask.then_some(left)
    }

    /// Ends its socket, if it is this one.
    pub(crate) fn lost(&mut self, link: u64, how: SocketEnd) {
        if self.link.as_ref().is_some_and(|own| own.id == link) {
            self.link = None;
            self.feed = None;
            self.active = false;
            self.presence = None;
            self.was_cut |= how == SocketEnd::Cut;
        }
    }
}
