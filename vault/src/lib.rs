//! A sealed store in one folder: everything an agent knows, durable when it says so, and nothing to read for a thief.
//!
//! ```text
//! vault.hdr       two copies of the header: store id, the live log's number, the data key wrapped once per secret
//! vault-N.log     the live log: sealed frames, each bound to the one before it
//! journal-N.seg   events that the log no longer holds, sealed under keys that it does
//! ```
//!
//! Records are `(table, scope, id) -> value`; batches of changes are atomic and durable in the order they were written.
//! `docs/vault-format.md` describes the format to the byte. It does not know what is stored in it, has no threads and no
//! clock, and does not notice a folder that was put back to an older state as a whole: [`Summary::epochs`] lets a
//! client notice.

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
    Harm, Journal, JournalTables, MAX_EVENT_BYTES, Page, Retention, Row, Sealing, Segment,
};
pub use key::{Key, Table};
pub use past::{Back, went_back};
pub use secret::{BadSecret, Cost, DataKey, Hold, Key32, NoRandom, Secret, on_heap};
pub use strength::{MIN_CHARS as MIN_PASSPHRASE_CHARS, Weakness};
pub use vault::{Compaction, Entry, Lsn, Opened, Summary, SyncJob, Vault};
