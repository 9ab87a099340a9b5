//! A whole log read after a start: what it holds, where its last good frame ends, and whether that is its rightful end.
//!
//! A frame that does not open ends the log there if it can be the torn end of a crash, and is damage otherwise. It is
//! damage if the header, or a later frame that opens, says that this place had been durable.

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

/// What reading a whole log found.
pub(crate) struct Recovered {
    pub(crate) history: History,
    /// Where its last good frame ends.
    pub(crate) end: u64,
    /// Bytes that are durable by the word of the header or of a frame. The rest may be there for this process alone.
    pub(super) proven: u64,
    pub(super) chain: Chain,
    pub(super) stretches: Vec<Stretch>,
}

/// Reads a log to its end, showing each frame that opened.
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
            // Closes a backup, never a log.
            Kind::End => return Err(Error::Malformed { at }),
        }
        proven = proven.max(opened.durable);
        let begins = opened.kind == Kind::Epoch;
        frame(&opened)?;
        let subkey = reader.subkey().filter(|_| begins).map(Arc::clone);
        stretches.extend(subkey.map(|subkey| Stretch { from: at, subkey }));
    }
    let good = reader.at();
    if good < durable || (good < end && reader.is_vouched_for(file, end).map_err(Error::Read)?) {
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
