//! What can be wrong with a vault, named by what is at fault.

use std::io;

use crate::header::StoreId;
use crate::secret::NoRandom;

/// Why something could not be done. After anything but a refusal the vault is broken and does nothing more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no vault in the folder.
    #[error("no vault exists here")]
    Absent,
    /// There is one already.
    #[error("a vault exists here already")]
    Present,
    /// No slot opens with the secret.
    #[error("vault {store} does not open with this key; it has the slots {slots}")]
    WrongKey {
        /// Whose header it is.
        store: StoreId,
        /// The names of its slots.
        slots: String,
    },
    /// The header is of another time.
    #[error("written by a newer version of this program (format {version}, suite {suite})")]
    Newer {
        /// The format's version.
        version: u16,
        /// The suite of algorithms.
        suite: u16,
    },
    /// Not a header at all.
    #[error("not a vault's or a backup's header")]
    Foreign,
    /// Neither copy of the header is whole.
    #[error("the header is damaged in both of its copies")]
    HeaderDamaged,
    /// A log without a header.
    #[error("vault.hdr is missing next to a log: without it the log cannot be opened")]
    HeaderMissing,
    /// A header without its log.
    #[error("{0} is missing")]
    LogMissing(String),
    /// Something within the log was durable and is not what was written.
    #[error("the log is damaged at byte {at} of {end}")]
    Damaged {
        /// Where.
        at: u64,
        /// How long it is.
        end: u64,
    },
    /// A file of events is not what was written.
    #[error("{0} is damaged")]
    EventsDamaged(String),
    /// The log is older than the header.
    #[error(
        "the log is of generation {log}, the header of generation {header}: they are from different snapshots"
    )]
    Older {
        /// Openings that the log knows of.
        log: u64,
        /// Openings that the header knows of.
        header: u64,
    },
    /// A sealed frame holds nonsense: its writer was at fault.
    #[error("a sealed frame at byte {at} cannot be read")]
    Malformed {
        /// Where.
        at: u64,
    },
    /// A backup that ends before its end.
    #[error("the backup is truncated or damaged at byte {at}")]
    Cut {
        /// Where.
        at: u64,
    },
    /// Bytes behind a backup's end.
    #[error("there are bytes after the end of the backup")]
    Surplus,
    /// One batch is more than a frame holds.
    #[error("{0} bytes are too many for one write")]
    TooLarge(usize),
    /// The log is at its largest.
    #[error("the log is full")]
    Full,
    /// The counter of an epoch ran out.
    #[error("the epoch has used all its frames")]
    Exhausted,
    /// Names of slots are short and plain.
    #[error("a slot's name is 1 to 32 letters, digits, or any of - _ . @")]
    BadName,
    /// The slot is there.
    #[error("a slot {0:?} exists already")]
    SlotExists(String),
    /// The slot is not there.
    #[error("there is no slot {0:?}")]
    NoSlot(String),
    /// The last slot stays.
    #[error("{0:?} is the only slot: without it nothing opens the vault")]
    LastSlot(String),
    /// No room for another slot.
    #[error("there is no room for another slot")]
    ManySlots,
    /// The log is being rewritten.
    #[error("a compaction is in progress; try again when it is done")]
    Busy,
    /// Another process has it open, under this name or another.
    #[error("the store is open in another process")]
    InUse,
    /// A file has gone from its place, or another is there.
    #[error(
        "{0} is not the file that was opened: the directory was moved, replaced, or written to by another program"
    )]
    Replaced(String),
    /// An earlier write or sync failed.
    #[error("an earlier write failed: the vault must be opened again")]
    Broken,
    /// A file could not be opened for reading and writing.
    #[error("cannot open {name}")]
    Open {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read a file of the store")]
    Read(#[source] io::Error),
    /// Writing failed.
    #[error("cannot write a file of the store")]
    Write(#[source] io::Error),
    /// Making durable failed.
    #[error("cannot fsync a file of the store")]
    Sync(#[source] io::Error),
    /// The folder did not do what was asked.
    #[error("cannot change the directory of the store")]
    Folder(#[source] io::Error),
    /// The system gave no random numbers.
    #[error(transparent)]
    NoRandom(NoRandom),
}

impl Error {
    /// Nothing was touched: what was asked for cannot be, or not now.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Present
                | Self::TooLarge(_)
                | Self::Full
                | Self::Exhausted
                | Self::BadName
                | Self::SlotExists(_)
                | Self::NoSlot(_)
                | Self::LastSlot(_)
                | Self::ManySlots
                | Self::Busy
                | Self::NoRandom(_)
        )
    }
}
