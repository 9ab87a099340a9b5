//! An account's settings as the server stores them: opaque patches per collection, encrypted with a key that only the
//! phone and its companions have. The phone starts with one setting, its push name; without it, companions have no
//! name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use buffa::MessageField;
use wacore::appstate::hash::{HashState, generate_patch_mac};
use wacore::appstate::{
    AppStateError, Mutation, encode_record, expand_app_state_keys, process_patch,
};
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use waproto::codec;
use waproto::whatsapp as wa;

use crate::number::Number;
use crate::wire::stanza;

/// The collection that contains the push name.
const NAME_COLLECTION: &str = "critical_block";
/// The index of the push name setting.
const NAME_INDEX: &str = "setting_pushName";
/// The collection that contains the phone's address book.
const CONTACT_COLLECTION: &str = "critical_unblock_low";
/// The collection that contains the salt of the account's own privacy tokens.
const SALT_COLLECTION: &str = "regular_high";

/// The key and the collections of one account.
#[derive(Default)]
pub(crate) struct AppState {
    key: Option<Key>,
    salt: Option<[u8; 32]>,
    collections: HashMap<String, Collection>,
    /// Contacts that were saved before there was a key, by their index.
    early_contacts: BTreeMap<String, wa::SyncActionValue>,
}

/// All patches from the first one on, and the state that results from them.
#[derive(Default)]
struct Collection {
    patches: Vec<wa::SyncdPatch>,
    hash: HashState,
    /// The value MACs of all records, by their index MACs.
    records: HashMap<Vec<u8>, Vec<u8>>,
}

/// The result for one `<collection>` of a sync.
pub(crate) struct Synced {
    pub(crate) answer: Node,
    /// For a patch: whether its MACs are valid.
    pub(crate) patch: Option<Result<(), AppStateError>>,
    /// The push name that the patch sets.
    pub(crate) name: Option<String>,
}

struct Key {
    id: [u8; 6],
    data: [u8; 32],
    made_at: u64,
}

impl AppState {
    /// Generates the key and the first patch, once.
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
        self.rename(name, now);
        for (index, value) in std::mem::take(&mut self.early_contacts) {
            self.put(CONTACT_COLLECTION, index.as_bytes(), value, now);
        }
    }

    /// Changes the push name, as the phone does. Returns the collection and its version, if there is a key.
    pub(crate) fn rename(&mut self, name: &str, now: u64) -> Option<(&'static str, u64)> {
        let version = self.put(NAME_COLLECTION, &name_index(), name_value(name), now)?;
        Some((NAME_COLLECTION, version))
    }

    /// Saves a contact in the phone's address book, or renames one. Returns the collection and its version, if there is a key;
    /// without one, it is in the collection from the beginning.
    pub(crate) fn save_contact(
        &mut self,
        contact: &Number,
        name: &str,
        now: u64,
    ) -> Option<(&'static str, u64)> {
        let value = wa::SyncActionValue {
            contact_action: MessageField::some(wa::sync_action_value::ContactAction {
                full_name: Some(name.to_owned()),
                lid_jid: Some(contact.lid().to_string()),
                save_on_primary_addressbook: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        };
        let index = format!("[\"contact\",\"{}\"]", contact.pn());
        if self.key.is_none() {
            self.early_contacts.insert(index, value);
            return None;
        }
        let version = self.put(CONTACT_COLLECTION, index.as_bytes(), value, now)?;
        Some((CONTACT_COLLECTION, version))
    }

    /// Generates the salt of the account's own privacy tokens, once. The key must exist.
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

    /// Sets a record of a collection, as the phone does. Returns the collection's version.
    fn put(
        &mut self,
        name: &'static str,
        index: &[u8],
        value: wa::SyncActionValue,
        now: u64,
    ) -> Option<u64> {
        let key = self.key.as_ref()?;
        let value = wa::SyncActionValue {
            timestamp: i64::try_from(now).ok().map(|seconds| seconds * 1000),
            ..value
        };
        let collection = self.collections.entry(name.to_owned()).or_default();
        let patch = next_patch(key, name, collection, index, &value);
        collection
            .apply(name, patch, Some(key))
            .expect("the phone's own patch is valid");
        Some(collection.hash.version)
    }

    /// The key share that the phone sends to its companions.
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

    /// Handles one `<collection>`: stores a patch, or returns those after `version`.
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
                name: None,
            };
        };
        if version != current {
            let newer = since(&collection.patches, version);
            let answer = error(answer, 409, "conflict", Some(newer));
            return Synced {
                answer,
                patch: None,
                name: None,
            };
        }
        let decoded = codec::syncd_patch_decode(bytes).map_err(|_| AppStateError::DecodeFailed);
        let taken = decoded.and_then(|patch| collection.apply(name, patch, self.key.as_ref()));
        let answer = match taken {
            Ok(_) => answer.attr("version", collection.hash.version).build(),
            Err(_) => error(answer, 400, "bad-request", None),
        };
        Synced {
            answer,
            name: taken.as_deref().ok().and_then(push_name),
            patch: Some(taken.map(|_| ())),
        }
    }
}

impl Collection {
    /// Verifies a patch's MACs as clients do, and stores the patch as the next version. Returns its content.
    fn apply(
        &mut self,
        name: &str,
        mut patch: wa::SyncdPatch,
        key: Option<&Key>,
    ) -> Result<Vec<Mutation>, AppStateError> {
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
        Ok(processed.mutations)
    }
}

/// The index of a setting is a JSON array.
fn name_index() -> Vec<u8> {
    format!("[\"{NAME_INDEX}\"]").into_bytes()
}

fn name_value(name: &str) -> wa::SyncActionValue {
    wa::SyncActionValue {
        push_name_setting: MessageField::some(wa::sync_action_value::PushNameSetting {
            name: Some(name.to_owned()),
        }),
        ..Default::default()
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

/// The next version of a collection: one new record with its MACs, and the hash over all records.
fn next_patch(
    key: &Key,
    name: &str,
    collection: &Collection,
    index: &[u8],
    value: &wa::SyncActionValue,
) -> wa::SyncdPatch {
    let keys = expand_app_state_keys(&key.data);
    let set = wa::syncd_mutation::SyncdOperation::SET;
    let (mutation, _value_mac) =
        encode_record(set, index, value, &keys, &key.id, &rand::random(), 1);
    let mut hash = collection.hash.clone();
    let before = |index: &[u8], _| Ok(collection.records.get(index).cloned());
    let (_, hashed) = hash.update_hash(std::slice::from_ref(&mutation), before);
    hashed.expect("the replaced record is known");
    hash.version += 1;
    let mut patch = wa::SyncdPatch {
        mutations: vec![mutation],
        snapshot_mac: Some(hash.generate_snapshot_mac(name, &keys.snapshot_mac)),
        key_id: MessageField::some(wa::KeyId {
            id: Some(key.id.to_vec()),
        }),
        ..Default::default()
    };
    let mac = generate_patch_mac(&patch, name, &keys.patch_mac, hash.version);
    patch.patch_mac = Some(mac);
    patch
}

/// The push name that a patch sets, if any.
fn push_name(mutations: &[Mutation]) -> Option<String> {
    let names = mutations.iter().rev();
    let mut names = names.filter(|mutation| mutation.index == [NAME_INDEX]);
    let value = names.next()?.action_value.as_ref()?;
    value.push_name_setting.as_option()?.name.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phone_can_change_a_setting_repeatedly() {
        let mut state = AppState::default();
        assert_eq!(state.rename("early", 1), None, "no companion, no key");
        state.prepare("Anna", 1);
        for (name, version) in [("Bert", 2), ("Carla", 3)] {
            let changed = state.rename(name, 2);
            assert_eq!(changed, Some((NAME_COLLECTION, version)));
        }
        let collection = &state.collections[NAME_COLLECTION];
        assert_eq!((collection.patches.len(), collection.records.len()), (3, 1));
    }

    #[test]
    fn a_companions_patch_can_set_the_push_name() {
        let mut phone = AppState::default();
        phone.prepare("Anna", 1);
        let collection = &phone.collections[NAME_COLLECTION];
        let key = phone.key.as_ref().expect("prepared");
        let index = name_index();
        let patch = next_patch(
            key,
            NAME_COLLECTION,
            collection,
            &index,
            &name_value("Bert"),
        );
        let bytes = codec::syncd_patch_to_vec(&patch);
        let synced = phone.sync(NAME_COLLECTION, 1, Some(&bytes));
        assert!(matches!(synced.patch, Some(Ok(()))));
        assert_eq!(synced.name.as_deref(), Some("Bert"));
        let stale = phone.sync(NAME_COLLECTION, 1, Some(&bytes));
        assert!(stale.patch.is_none() && stale.name.is_none());
    }
}
