//! Detects files that are missing or damaged before a reader reaches them.

use super::Journal;
use crate::disk::{Disk, DiskFile as _};
use crate::error::Error;
use crate::vault::Vault;

/// Events that cannot be read any more.
#[derive(Debug)]
pub struct Damage {
    /// The seq of the first one.
    pub first: u64,
    /// The seq of the last one.
    pub last: u64,
    /// Why they cannot be read.
    pub error: Error,
}

impl Journal {
    /// Checks the next file that has events above `after`: that it exists and has its recorded length; with `whole`,
    /// also that every block opens. Returns the last seq of that file and the damage, if any; `None` if there is no
    /// such file.
    pub fn examine<D: Disk>(
        &self,
        vault: &Vault<D>,
        after: u64,
        whole: bool,
    ) -> Result<Option<(u64, Option<Damage>)>, Error> {
        let Some(file) = self.files.iter().find(|file| file.last > after) else {
            return Ok(None);
        };
        let (first, last) = (file.first, file.last);
        let (segment, opened) = match self.open_file(vault, file)? {
            Ok(opened) => opened,
            Err(error) => return Ok(Some((last, Some(Damage { first, last, error })))),
        };
        let length = opened.length().map_err(Error::Read)?;
        // In a truncated file, try every block: those before the cut can still be read.
        let places = if whole || length != segment.bytes() {
            0..segment.blocks()
        } else {
            0..0
        };
        let mut damage: Option<Damage> = None;
        for place in places {
            if let Err(error) = segment.open(&opened, place) {
                let (first, last) = segment.seqs_of(place, last);
                match &mut damage {
                    Some(damage) => damage.last = last,
                    None => damage = Some(Damage { first, last, error }),
                }
            }
        }
        Ok(Some((last, damage)))
    }
}
