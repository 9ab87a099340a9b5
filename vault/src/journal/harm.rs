//! Files that are not there, or not as they were written, found before they are read.

use super::Journal;
use crate::disk::{Disk, DiskFile as _};
use crate::error::Error;
use crate::vault::Vault;

/// Events that cannot be read any more.
#[derive(Debug)]
pub struct Harm {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// Why.
    pub error: Error,
}

impl Journal {
    /// Looks at the next file that has events above `after`: whether it is there and as long as it was written, and with
    /// `whole` also whether every block of it opens. Returns the last event of that file, and what is wrong with it; `None` when
    /// there is no such file.
    pub fn examine<D: Disk>(
        &self,
        vault: &Vault<D>,
        after: u64,
        whole: bool,
    ) -> Result<Option<(u64, Option<Harm>)>, Error> {
        let Some(file) = self.files.iter().find(|file| file.last > after) else {
            return Ok(None);
        };
        let (first, last) = (file.first, file.last);
        let (segment, opened) = match self.open_file(vault, file)? {
            Ok(opened) => opened,
            Err(error) => return Ok(Some((last, Some(Harm { first, last, error })))),
        };
        let length = opened.length().map_err(Error::Read)?;
        // One that is cut short is read up to there.
        let places = if whole || length != segment.bytes() {
            0..segment.blocks()
        } else {
            0..0
        };
        let mut harm: Option<Harm> = None;
        for place in places {
            if let Err(error) = segment.open(&opened, place) {
                let (first, last) = segment.seqs_of(place, last);
                match &mut harm {
                    Some(harm) => harm.last = last,
                    None => harm = Some(Harm { first, last, error }),
                }
            }
        }
        Ok(Some((last, harm)))
    }
}
