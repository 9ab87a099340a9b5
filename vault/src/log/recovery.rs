//! Reads a whole log at start: its contents, the end of its last good frame, and whether it legitimately ends there.
//!
//! At a frame that does not open, the log ends if the frame can be a torn write after a crash. Otherwise the log is
//! damaged: the header, or a later frame that opens, proves that this offset had been durable.

use std::sync::Arc;

use super::frames::{Opened, Reader};
use crate::Error;
use crate::disk::DiskFile;
use crate::epoch::History;
use crate::frame::{Chain, Kind, Subkey};

/// Where an epoch begins, and its key.
pub(super) struct Stretch {
    pub(super) from: u64,
    pub(super) subkey: Arc<Subkey>,
}

/// The result of reading a whole log.
pub(crate) struct Recovered {
    pub(crate) history: History,
    /// The end of the last good frame.
    pub(crate) end: u64,
    /// The bytes that the header or a frame proves to be durable. The rest may be only in the kernel's page cache.
    pub(super) proven: u64,
    pub(super) chain: Chain,
    pub(super) stretches: Vec<Stretch>,
}

/// Reads a log to its end and calls `each` for every valid frame.
pub(crate) fn recover(
    file: &impl DiskFile,
    mut reader: Reader,
    durable: u64,
    mut frame: impl FnMut(&Opened<'_>) -> Result<(), Error>,
) -> Result<Recovered, Error> {
    let end = file.length().map_err(Error::Read)?;
    let mut history = History::default();
    let mut stretches = Vec::new();
    let mut proven = durable;
    while let Some(opened) = reader.next(file, end).map_err(Error::Read)? {
        let at = opened.at;
        match opened.kind {
            Kind::Epoch => {
                history = History::decode(opened.plain).ok_or(Error::Malformed { at })?;
            }
            Kind::Batch => history.current.commits += 1,
            Kind::Copy => {}
            // An END frame closes a backup, never a log.
            Kind::End => return Err(Error::Malformed { at }),
        }
        proven = proven.max(opened.durable);
        let begins = opened.kind == Kind::Epoch;
        frame(&opened)?;
        let subkey = reader.subkey().filter(|_| begins).map(Arc::clone);
        stretches.extend(subkey.map(|subkey| Stretch { from: at, subkey }));
    }
    let good = reader.at();
    if good < durable || (good < end && reader.is_proven_durable(file, end).map_err(Error::Read)?) {
        return Err(Error::Damaged { at: good, end });
    }
    Ok(Recovered {
        history,
        end: good,
        proven,
        chain: reader.chain(),
        stretches,
    })
}
