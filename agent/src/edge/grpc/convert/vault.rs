//! The status of the sealed store.

use openclaw_proto::v1 as pb;
use openclaw_vault::{Epoch, SlotInfo, SlotKind, Summary};

use crate::link::Storage;

pub(super) fn vault(storage: Storage) -> pb::Vault {
    let Storage {
        summary,
        undecodable,
        dropped,
    } = storage;
    let Summary {
        store,
        epochs,
        records,
        log_bytes,
        live_bytes,
        slots,
    } = summary;
    pb::Vault {
        store_id: store.0.to_vec(),
        generation: epochs.last().map_or(0, |epoch| epoch.generation),
        history: epochs.into_iter().map(epoch).collect(),
        records: u64::try_from(records).unwrap_or(u64::MAX),
        log_bytes,
        live_bytes,
        undecodable_rows: undecodable,
        dropped_bytes: dropped,
        key_slots: slots.into_iter().map(key_slot).collect(),
    }
}

fn epoch(epoch: Epoch) -> pb::Epoch {
    let Epoch {
        generation,
        id,
        commits,
    } = epoch;
    pb::Epoch {
        generation,
        id,
        commits,
    }
}

fn key_slot(slot: SlotInfo) -> pb::KeySlot {
    let SlotInfo {
        name,
        kind,
        created: _,
    } = slot;
    let kind = match kind {
        SlotKind::Raw => pb::KeySlotKind::Raw,
        SlotKind::Passphrase(_) => pb::KeySlotKind::Passphrase,
    };
    pb::KeySlot {
        name,
        kind: kind.into(),
    }
}
