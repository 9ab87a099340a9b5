//! An account's settings, as the server keeps them: opaque patches per collection, under a key that only the phone
//! and its companions have. The phone starts with one setting, its name; without it companions stay nameless.

use std::collections::HashMap;
use std::sync::Arc;

use buffa::MessageField;
use wacore::appstate::hash::{HashState, generate_patch_mac};
use wacore::appstate::{AppStateError, encode_record, expand_app_state_keys, process_patch};
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use waproto::codec;
use waproto::whatsapp as wa;

use crate::wire::stanza;

/// The collection in which the push name lives.
const NAME_COLLECTION: &str = "critical_block";
/// The collection in which the salt of the account's own privacy tokens lives.
const SALT_COLLECTION: &str = "regular_high";

/// Key and collections of one account.
#[derive(Default)]
pub(crate) struct AppState {
    key: Option<Key>,
    salt: Option<[u8; 32]>,
    collections: HashMap<String, Collection>,
}

/// Patches from the first on, and what follows from them.
#[derive(Default)]
struct Collection {
    patches: Vec<wa::SyncdPatch>,
    hash: HashState,
    /// The value MAC of every record, by its index MAC.
    records: HashMap<Vec<u8>, Vec<u8>>,
}

/// What came of a `<collection>` in a sync.
pub(crate) struct Synced {
    pub(crate) answer: Node,
    /// For a patch: whether its MACs hold.
    pub(crate) patch: Option<Result<(), AppStateError>>,
}

struct Key {
    id: [u8; 6],
    data: [u8; 32],
    made_at: u64,
}

impl AppState {
    /// Makes the key and the first patch, once.
    pub(crate) fn prepare(&mut self, name: &str, now: u64) {
        if self.key.is_some() {
            return;
        }
        let key = Key {
            id: [0, 0, 0, 0, 0, 1],
            data: rand::random(),
            made_at: now,
        };
        self.key = Some(key);
        let value = wa::SyncActionValue {
            push_name_setting: MessageField::some(wa::sync_action_value::PushNameSetting {
                name: Some(name.to_owned()),
            }),
            ..Default::default()
        };
        self.put(NAME_COLLECTION, br#"["setting_pushName"]"#, value, now);
    }

    /// Makes the salt of the account's own privacy tokens, once. There must be a key.
    pub(crate) fn share_salt(&mut self, now: u64) {
        if self.salt.is_some() {
            return;
        }
        let salt: [u8; 32] = rand::random();
        self.salt = Some(salt);
        let value = wa::SyncActionValue {
            nct_salt_sync_action: MessageField::some(wa::sync_action_value::NctSaltSyncAction {
                salt: Some(salt.to_vec()),
            }),
            ..Default::default()
        };
        self.put(SALT_COLLECTION, br#"["nct_salt_sync"]"#, value, now);
    }

    pub(crate) fn salt(&self) -> Option<[u8; 32]> {
        self.salt
    }

    /// The first record of a collection, from the phone.
    fn put(&mut self, name: &'static str, index: &[u8], value: wa::SyncActionValue, now: u64) {
        let Some(key) = &self.key else {
            return;
        };
        let value = wa::SyncActionValue {
            timestamp: i64::try_from(now).ok().map(|seconds| seconds * 1000),
            ..value
        };
        let patch = first_patch(key, name, index, &value);
        let collection = self.collections.entry(name.to_owned()).or_default();
        collection
            .apply(name, patch, Some(key))
            .expect("the phone's own patch is right");
    }

    /// The key, as the phone shares it with its companions.
    pub(crate) fn key_share(&self) -> wa::message::AppStateSyncKeyShare {
        let keys = self.key.iter().map(|key| wa::message::AppStateSyncKey {
            key_id: MessageField::some(wa::message::AppStateSyncKeyId {
                key_id: Some(key.id.to_vec()),
            }),
            key_data: MessageField::some(wa::message::AppStateSyncKeyData {
                key_data: Some(key.data.to_vec()),
                fingerprint: MessageField::some(wa::message::AppStateSyncKeyFingerprint {
                    raw_id: Some(1),
                    current_index: Some(0),
                    device_indexes: vec![0],
                }),
                timestamp: i64::try_from(key.made_at).ok(),
            }),
        });
        wa::message::AppStateSyncKeyShare {
            keys: keys.collect(),
        }
    }

    /// Answers one `<collection>`: takes a patch in, or gives those after `version`.
    pub(crate) fn sync(&mut self, name: &str, version: u64, patch: Option<&[u8]>) -> Synced {
        let collection = self.collections.entry(name.to_owned()).or_default();
        let current = collection.hash.version;
        let answer = NodeBuilder::new("collection").attr("name", name);
        let Some(bytes) = patch else {
            let answer = answer.attr("version", current);
            let answer = match since(&collection.patches, version) {
                newer if stanza::children(&newer).is_empty() => answer.build(),
                newer => answer.children([newer]).build(),
            };
            return Synced {
                answer,
                patch: None,
            };
        };
        if version != current {
            let newer = since(&collection.patches, version);
            let answer = error(answer, 409, "conflict", Some(newer));
            return Synced {
                answer,
                patch: None,
            };
        }
        let decoded = codec::syncd_patch_decode(bytes).map_err(|_| AppStateError::DecodeFailed);
        let taken = decoded.and_then(|patch| collection.apply(name, patch, self.key.as_ref()));
        let answer = match taken {
            Ok(()) => answer.attr("version", collection.hash.version).build(),
            Err(_) => error(answer, 400, "bad-request", None),
        };
        Synced {
            answer,
            patch: Some(taken),
        }
    }
}

impl Collection {
    /// Checks a patch's MACs as its readers do, and keeps it under the next version.
    fn apply(
        &mut self,
        name: &str,
        mut patch: wa::SyncdPatch,
        key: Option<&Key>,
    ) -> Result<(), AppStateError> {
        let next = self.hash.version + 1;
        patch.version = MessageField::some(wa::SyncdVersion {
            version: Some(next),
        });
        let keys = |id: &[u8]| {
            let key = key
                .filter(|key| key.id == id)
                .ok_or(AppStateError::KeyNotFound)?;
            Ok(Arc::new(expand_app_state_keys(&key.data)))
        };
        let records = &self.records;
        let before = |index: &[u8]| Ok(records.get(index).cloned());
        let mut hash = self.hash.clone();
        let processed = process_patch(&patch, &mut hash, keys, before, true, name)?;
        if hash.mac_mismatch_fatal {
            return Err(AppStateError::PatchSnapshotMACMismatch);
        }
        self.hash = hash;
        for index in processed.removed_index_macs {
            self.records.remove(&index);
        }
        for mac in processed.added_macs {
            self.records.insert(mac.index_mac, mac.value_mac);
        }
        self.patches.push(patch);
        Ok(())
    }
}

fn since(patches: &[wa::SyncdPatch], version: u64) -> Node {
    let known = usize::try_from(version).unwrap_or(usize::MAX);
    let newer = patches
        .iter()
        .skip(known)
        .map(|patch| stanza::content("patch", codec::syncd_patch_to_vec(patch)));
    NodeBuilder::new("patches").children(newer).build()
}

fn error(answer: NodeBuilder, code: u16, text: &str, newer: Option<Node>) -> Node {
    let error = NodeBuilder::new("error")
        .attr("code", code)
        .attr("text", text)
        .build();
    let children = std::iter::once(error).chain(newer);
    answer.attr("type", "error").children(children).build()
}

/// Version 1 of the collection: one record, its MACs, and the hash over all records.
fn first_patch(key: &Key, name: &str, index: &[u8], value: &wa::SyncActionValue) -> wa::SyncdPatch {
    let keys = expand_app_state_keys(&key.data);
    let set = wa::syncd_mutation::SyncdOperation::SET;
    let (mutation, _value_mac) =
        encode_record(set, index, value, &keys, &key.id, &rand::random(), 1);
    let mut hash = HashState::default();
    let (_, hashed) = hash.update_hash(std::slice::from_ref(&mutation), |_, _| Ok(None));
    hashed.expect("a first record replaces nothing, so nothing can be missing");
    hash.version = 1;
    let mut patch = wa::SyncdPatch {
        mutations: vec![mutation],
        snapshot_mac: Some(hash.generate_snapshot_mac(name, &keys.snapshot_mac)),
        key_id: MessageField::some(wa::KeyId {
            id: Some(key.id.to_vec()),
        }),
        ..Default::default()
    };
    patch.patch_mac = Some(generate_patch_mac(&patch, name, &keys.patch_mac, 1));
    patch
}
