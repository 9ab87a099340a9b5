//! Compares the store with the library's own in-memory store: the same calls, chosen by a seed, have the same
//! results, with ours closed and reopened in between. Intended differences are noted at the call.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use fastrand::Rng;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::traits::{
    AppStateSyncKey, AppSyncStore as _, DeviceStore as _, MsgSecretEntry, MsgSecretStore as _,
    SignalStore as _,
};
use whatsapp_rust::wacore::store::{Device, InMemoryBackend};

use super::{Rows as _, Volume};
use crate::store::records::{Records, encode};

const STEPS: usize = 1500;
const HOUR: i64 = 3600;
/// Some names are prefixes of others, and some address spaces share a user.
const USERS: [&str; 4] = [
    "15550100001",
    "1555010000",
    "100000000000001",
    "15550100002",
];
const GROUPS: [&str; 3] = ["12036300001@g.us", "12036300001-1@g.us", "status@broadcast"];

#[tokio::test]
async fn the_store_behaves_like_the_librarys_own() {
    for seed in 0..6 {
        let mut pair = Pair::new(seed);
        for _ in 0..STEPS {
            pair.step().await;
        }
    }
}

/// Both stores, and the random generator that chooses the calls.
struct Pair {
    volume: Volume,
    ours: Records,
    theirs: InMemoryBackend,
    rng: Rng,
    seed: u64,
    steps: usize,
}

/// Calls both and compares the results, sorted unless their order matters.
macro_rules! same {
    ($pair:ident . $method:ident ( $($argument:expr),* $(,)? )) => {{
        let ours = $pair.ours.$method($($argument),*).await.unwrap();
        let theirs = $pair.theirs.$method($($argument),*).await.unwrap();
        $pair.compare(stringify!($method), &ours, &theirs);
    }};
    (sorted $pair:ident . $method:ident ( $($argument:expr),* $(,)? )) => {{
        let mut ours = shown($pair.ours.$method($($argument),*).await.unwrap());
        let mut theirs = shown($pair.theirs.$method($($argument),*).await.unwrap());
        ours.sort();
        theirs.sort();
        $pair.compare(stringify!($method), &ours, &theirs);
    }};
}

mod protocol;

fn shown<T: Debug>(list: impl IntoIterator<Item = T>) -> Vec<String> {
    list.into_iter().map(|item| format!("{item:?}")).collect()
}

impl Pair {
    fn new(seed: u64) -> Self {
        let volume = Volume::new();
        Self {
            ours: volume.records(),
            volume,
            theirs: InMemoryBackend::new(),
            rng: Rng::with_seed(seed),
            seed,
            steps: 0,
        }
    }

    fn compare(&self, method: &str, ours: &impl Debug, theirs: &impl Debug) {
        let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
        assert_eq!(
            ours, theirs,
            "{method}, step {} of seed {}",
            self.steps, self.seed
        );
    }

    async fn step(&mut self) {
        self.steps += 1;
        match self.rng.u32(..100) {
            0 => {
                self.volume.reopen();
                self.ours = self.volume.records();
            }
            1..=34 => self.signal().await,
            35..=49 => self.app_sync().await,
            50..=87 => self.protocol().await,
            88..=94 => self.secrets().await,
            _ => self.device().await,
        }
    }

    fn user(&mut self) -> &'static str {
        USERS[self.rng.usize(..USERS.len())]
    }

    fn group(&mut self) -> &'static str {
        GROUPS[self.rng.usize(..GROUPS.len())]
    }

    fn address(&mut self) -> Arc<str> {
        let device = ["", ":1", ":12"][self.rng.usize(..3)];
        let server = ["c.us", "lid"][self.rng.usize(..2)];
        format!("{}{device}@{server}.0", self.user()).into()
    }

    fn sender_key(&mut self) -> Arc<str> {
        format!("{}:{}", self.group(), self.address()).into()
    }

    fn id(&mut self) -> String {
        self.rng.u32(1..6).to_string()
    }

    fn number(&mut self) -> u32 {
        self.rng.u32(1..25)
    }

    fn time(&mut self) -> i64 {
        self.rng.i64(0..50)
    }

    fn bytes(&mut self) -> Bytes {
        let length = self.rng.usize(0..80);
        std::iter::repeat_with(|| self.rng.u8(..))
            .take(length)
            .collect()
    }

    fn key(&mut self) -> [u8; 32] {
        [self.rng.u8(..12); 32]
    }

    fn some<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.rng.usize(0..12);
        (0..count).map(|_| make(self)).collect()
    }

    async fn signal(&mut self) {
        let (address, number, bytes) = (self.address(), self.number(), self.bytes());
        let (key, sender_key) = (self.key(), self.sender_key());
        let uploaded = self.rng.bool();
        match self.rng.u32(..25) {
            0 => same!(self.put_identity(&address, key)),
            1 => {
                let batch = self.some(|pair| (pair.address(), pair.key()));
                same!(self.put_identities_batch(&batch));
            }
            2 => same!(self.load_identity(&address)),
            3 => same!(self.delete_identity(&address)),
            4 => same!(self.get_session(&address)),
            5 => same!(self.put_session(&address, &bytes)),
            6 => {
                let batch = self.some(|pair| (pair.address(), pair.bytes()));
                same!(self.put_sessions_batch(&batch));
            }
            7 => same!(self.delete_session(&address)),
            8 => same!(self.has_session(&address)),
            9 => {
                let user = self.user();
                same!(self.has_signal_state_for_user(user));
            }
            10 => same!(self.store_prekey(number, &bytes, uploaded)),
            11 => {
                let batch = self.some(|pair| (pair.number(), pair.bytes()));
                same!(self.store_prekeys_batch(&batch, uploaded));
            }
            12 => same!(self.load_prekey(number)),
            13 => {
                // A batch is requested with distinct ids, and returned in any order.
                let mut ids: Vec<u32> = (1..25).collect();
                self.rng.shuffle(&mut ids);
                ids.truncate(self.rng.usize(0..24));
                same!(sorted self.load_prekeys_batch(&ids));
            }
            14 => {
                let ids = self.some(Self::number);
                same!(self.mark_prekeys_uploaded(&ids));
            }
            15 => same!(self.remove_prekey(number)),
            16 => same!(self.get_max_prekey_id()),
            17 => same!(self.store_signed_prekey(number, &bytes)),
            18 => same!(self.load_signed_prekey(number)),
            19 => same!(sorted self.load_all_signed_prekeys()),
            20 => same!(self.remove_signed_prekey(number)),
            21 => same!(self.put_sender_key(&sender_key, &bytes)),
            22 => {
                let batch = self.some(|pair| (pair.sender_key(), pair.bytes()));
                same!(self.put_sender_keys_batch(&batch));
            }
            23 => same!(self.get_sender_key(&sender_key)),
            _ => same!(self.delete_sender_key(&sender_key)),
        }
    }

    async fn app_sync(&mut self) {
        let name = ["regular", "regular_low", "critical_block"][self.rng.usize(..3)];
        let (id, mac, version) = (self.id(), self.key(), self.rng.u64(..9));
        match self.rng.u32(..11) {
            0 => same!(self.get_sync_key(id.as_bytes())),
            1 => {
                let key = AppStateSyncKey {
                    key_data: self.bytes().to_vec(),
                    fingerprint: self.bytes().to_vec(),
                    timestamp: self.time(),
                };
                same!(self.set_sync_key(id.as_bytes(), key.clone()));
            }
            2 => same!(self.get_version(name)),
            3 => {
                let state = HashState {
                    version,
                    hash: [self.rng.u8(..); 128],
                    index_value_map: [(id, self.bytes().to_vec())].into(),
                    mac_mismatch_fatal: self.rng.bool(),
                };
                same!(self.set_version(name, state.clone()));
            }
            4 | 5 => {
                let macs = self.some(|pair| AppStateMutationMAC {
                    index_mac: pair.key().to_vec(),
                    value_mac: pair.bytes().to_vec(),
                });
                same!(self.put_mutation_macs(name, version, &macs));
            }
            6 => same!(self.get_mutation_mac(name, &mac)),
            7 => {
                let macs = self.some(Self::key);
                let ours = self.ours.get_mutation_macs(name, &macs).await.unwrap();
                let theirs = self.theirs.get_mutation_macs(name, &macs).await.unwrap();
                let sorted = |map: std::collections::HashMap<_, _>| BTreeMap::from_iter(map);
                self.compare("get_mutation_macs", &sorted(ours), &sorted(theirs));
            }
            8 => {
                let macs = self.some(|pair| pair.key().to_vec());
                same!(self.delete_mutation_macs(name, &macs));
            }
            9 => same!(self.clear_mutation_macs(name)),
            _ => same!(self.get_latest_sync_key_id()),
        }
    }

    async fn secrets(&mut self) {
        let (chat, sender, id, secret) = (self.group(), self.address(), self.id(), self.key());
        match self.rng.u32(..5) {
            0 => same!(self.put_msg_secret(chat, &sender, &id, &secret)),
            1 => {
                let entries = self.some(|pair| MsgSecretEntry {
                    chat: pair.group().into(),
                    sender: pair.address(),
                    msg_id: pair.id().into(),
                    secret: pair.key(),
                    expires_at: 2 * HOUR * pair.time(),
                    message_ts: pair.time(),
                });
                same!(self.put_msg_secrets(entries.clone()));
            }
            2 => same!(self.get_msg_secret(chat, &sender, &id)),
            3 => same!(self.get_msg_secret_with_ts(chat, &sender, &id)),
            _ => {
                // Ours may remove secrets up to an hour late, so no deadline is within the hour before.
                let cutoff = 2 * HOUR * self.time() + HOUR;
                same!(self.delete_expired_msg_secrets(cutoff));
            }
        }
    }

    async fn device(&mut self) {
        match self.rng.u32(..5) {
            0 => {
                let mut device = Device::new();
                device.push_name = self.id();
                device.edge_routing_info = Some(self.bytes().to_vec());
                same!(self.save(&device));
            }
            1 => same!(self.exists()),
            2 => {
                // Each creates its own device; the library's store numbers them.
                assert_eq!(self.ours.create().await.unwrap(), 1);
                let device = self.ours.load().await.unwrap().unwrap();
                self.theirs.save(&device).await.unwrap();
            }
            3 => same!(self.snapshot_db("name", None)),
            _ => {
                let row = |device: Option<Device>| device.map(|device| encode(&device).unwrap());
                let ours = row(self.ours.load().await.unwrap());
                let theirs = row(self.theirs.load().await.unwrap());
                self.compare("load", &ours, &theirs);
                let report = self.ours.resource_report().await;
                assert!(report.memory_bytes >= report.pages);
            }
        }
    }
}
