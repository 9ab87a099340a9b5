//! The JSON shapes of the store and of what protects the process.

use openclaw_proto::v1 as pb;
use serde::Serialize;

use crate::render::store::kind_word;
use crate::text;

#[derive(Serialize)]
pub(super) struct Vault {
    store_id: String,
    generation: u64,
    history: Vec<Epoch>,
    records: u64,
    log_bytes: u64,
    live_bytes: u64,
    undecodable_rows: u64,
    dropped_bytes: u64,
    key_slots: Vec<KeySlot>,
}

#[derive(Serialize)]
struct Epoch {
    generation: u64,
    /// In hexadecimal: JSON's numbers are not wide enough.
    id: String,
    commits: u64,
}

#[derive(Serialize)]
struct KeySlot {
    name: String,
    kind: &'static str,
}

#[derive(Serialize)]
pub(super) struct Hardening {
    dumpable: bool,
    core_dumps: bool,
    key_page_locked: bool,
    uid: u32,
    landlock: String,
    seccomp: String,
    wipes_memory: bool,
}

impl From<pb::Vault> for Vault {
    fn from(vault: pb::Vault) -> Self {
        let pb::Vault {
            store_id,
            generation,
            history,
            records,
            log_bytes,
            live_bytes,
            undecodable_rows,
            dropped_bytes,
            key_slots,
        } = vault;
        Self {
            store_id: text::hex(&store_id),
            generation,
            history: history.into_iter().map(Epoch::from).collect(),
            records,
            log_bytes,
            live_bytes,
            undecodable_rows,
            dropped_bytes,
            key_slots: key_slots.into_iter().map(KeySlot::from).collect(),
        }
    }
}

impl From<pb::Epoch> for Epoch {
    fn from(epoch: pb::Epoch) -> Self {
        let pb::Epoch {
            generation,
            id,
            commits,
        } = epoch;
        Self {
            generation,
            id: format!("{id:016x}"),
            commits,
        }
    }
}

impl From<pb::KeySlot> for KeySlot {
    fn from(slot: pb::KeySlot) -> Self {
        let kind = kind_word(slot.kind());
        let pb::KeySlot { name, kind: _ } = slot;
        Self { name, kind }
    }
}

impl From<pb::Hardening> for Hardening {
    fn from(hardening: pb::Hardening) -> Self {
        let pb::Hardening {
            dumpable,
            core_dumps,
            key_page_locked,
            uid,
            landlock,
            seccomp,
            wipes_memory,
        } = hardening;
        Self {
            dumpable,
            core_dumps,
            key_page_locked,
            uid,
            landlock,
            seccomp,
            wipes_memory,
        }
    }
}
