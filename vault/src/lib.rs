//! A sealed store in one directory: all of an agent's state, durable once a sync returns, and unreadable without the
//! key.
//!
//! ```text
//! vault.hdr       two copies of the header: store id, the live log's number, the data key wrapped once per secret
//! vault-N.log     the live log: sealed frames, each bound to the one before it
//! journal-N.seg   older events, sealed under keys that the log holds
//! ```
//!
//! Records are `(table, scope, id) -> value`. Batches of changes are atomic and become durable in the order in which
//! they were written. `docs/vault-format.md` specifies the format byte by byte. The vault does not interpret its
//! records, and has no threads and no clock. It cannot detect that the whole directory was restored to an older
//! state: [`Summary::epochs`] lets a client detect that.

mod backup;
mod batch;
mod disk;
mod epoch;
mod error;
mod frame;
mod header;
mod headers;
mod index;
mod journal;
mod key;
mod log;
mod past;
mod rewrite;
mod secret;
mod slots;
mod strength;
mod vault;

pub use backup::{Backup, Handover, Origin, Reader, Restore};
pub use batch::{Batch, Malformed, Op, Ops};
pub use disk::{Disk, DiskFile, Folder};
pub use epoch::Epoch;
pub use error::Error;
pub use frame::MAX_BODY_BYTES;
pub use header::{HEADER_BYTES, MAX_SLOT_NAME_BYTES, MAX_SLOTS, SlotInfo, SlotKind, StoreId};
pub use headers::{Presence, presence};
pub use journal::{
    Damage, Journal, JournalTables, MAX_EVENT_BYTES, Page, Retention, Row, Sealing, Segment,
};
pub use key::{Key, Table};
pub use past::{Back, went_back};
pub use secret::{BadSecret, Cost, DataKey, Hold, Key32, NoRandom, Secret, on_heap};
pub use strength::{MIN_CHARS as MIN_PASSPHRASE_CHARS, Weakness};
pub use vault::{Compaction, Entry, Lsn, Opened, Summary, SyncJob, Vault};
