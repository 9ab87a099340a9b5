//! Errors of the vault, named by what is at fault.

use std::io;

use crate::header::StoreId;
use crate::secret::NoRandom;

/// Why an operation failed. After any error except a rejected request the vault is broken and
/// does nothing more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory has no vault.
    #[error("no vault exists here")]
    Absent,
    /// The directory has a vault already.
    #[error("a vault exists here already")]
    Present,
    /// No slot opens with this secret.
    #[error("vault {store} does not open with this key; it has the slots {slots}")]
    WrongKey {
        /// The store's id.
        store: StoreId,
        /// The names of the slots.
        slots: String,
    },
    /// A newer version wrote the header.
    #[error("written by a newer version of this program (format {version}, suite {suite})")]
    Newer {
        /// The version of the format.
        version: u16,
        /// The number of the cipher suite.
        suite: u16,
    },
    /// The file is not a header.
    #[error("not a vault's or a backup's header")]
    Foreign,
    /// Neither copy of the header is intact.
    #[error("the header is damaged in both of its copies")]
    HeaderDamaged,
    /// There is a log but no header.
    #[error("vault.hdr is missing next to a log: without it the log cannot be opened")]
    HeaderMissing,
    /// There is a header, but the log that it names is missing.
    #[error("{0} is missing")]
    LogMissing(String),
    /// A durable part of the log has changed.
    #[error("the log is damaged at byte {at} of {end}")]
    Damaged {
        /// The offset of the damage.
        at: u64,
        /// The length of the log.
        end: u64,
    },
    /// A file of events has changed.
    #[error("{0} is damaged")]
    EventsDamaged(String),
    /// The log is older than the header.
    #[error(
        "the log is of generation {log}, the header of generation {header}: they are from different snapshots"
    )]
    Older {
        /// The log's generation.
        log: u64,
        /// The header's generation.
        header: u64,
    },
    /// An authentic frame does not decode: a bug in the program that wrote it.
    #[error("a sealed frame at byte {at} cannot be read")]
    Malformed {
        /// The offset of the frame.
        at: u64,
    },
    /// The backup ends early, or a frame does not open.
    #[error("the backup is truncated or damaged at byte {at}")]
    Cut {
        /// The offset.
        at: u64,
    },
    /// There are bytes after the END frame.
    #[error("there are bytes after the end of the backup")]
    Surplus,
    /// A batch exceeds the size of a frame.
    #[error("{0} bytes are too many for one write")]
    TooLarge(usize),
    /// The log has reached its maximum size.
    #[error("the log is full")]
    Full,
    /// The frame counter of the epoch is exhausted.
    #[error("the epoch has used all its frames")]
    Exhausted,
    /// The slot name is too long or has other characters.
    #[error("a slot's name is 1 to 32 letters, digits, or any of - _ . @")]
    BadName,
    /// The slot exists already.
    #[error("a slot {0:?} exists already")]
    SlotExists(String),
    /// The slot does not exist.
    #[error("there is no slot {0:?}")]
    NoSlot(String),
    /// The last slot cannot be removed.
    #[error("{0:?} is the only slot: without it nothing opens the vault")]
    LastSlot(String),
    /// The header has no space for another slot.
    #[error("there is no room for another slot")]
    ManySlots,
    /// The log is being rewritten.
    #[error("a compaction is in progress; try again when it is done")]
    Busy,
    /// Another process has the store open, under this path or another.
    #[error("the store is open in another process")]
    InUse,
    /// A file was removed or replaced while it was open.
    #[error(
        "{0} is not the file that was opened: the directory was moved, replaced, or written to by another program"
    )]
    Replaced(String),
    /// An earlier write or sync failed.
    #[error("an earlier write failed: the vault must be opened again")]
    Broken,
    /// A file cannot be opened for reading and writing.
    #[error("cannot open {name}")]
    Open {
        /// The file's name.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A read failed.
    #[error("cannot read a file of the store")]
    Read(#[source] io::Error),
    /// A write failed.
    #[error("cannot write a file of the store")]
    Write(#[source] io::Error),
    /// An fsync failed.
    #[error("cannot fsync a file of the store")]
    Sync(#[source] io::Error),
    /// An operation on the directory failed.
    #[error("cannot change the directory of the store")]
    Folder(#[source] io::Error),
    /// The operating system returned no random bytes.
    #[error(transparent)]
    NoRandom(NoRandom),
}

impl Error {
    /// True if the request was rejected before anything changed: it is impossible, or impossible at this time.
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
