//! The header's file: two copies, so that one is whole whenever the power goes off.
//!
//! The copy with the higher revision holds. A change is written over the other one and made durable, then over it: so
//! that while one copy is half written, the other is what held before.

use crate::disk::{Disk, DiskFile};
use crate::error::Error;
use crate::frame::{HEAD_BYTES, SALT_BYTES, TAG_BYTES};
use crate::header::{
    ERASED, HEADER_BYTES, Header, Locked, Parsed, Purpose, SlotInfo, StoreId, Unreadable,
};
use crate::secret::{DataKey, Hold, Secret, random};
use crate::{journal, log};

const NAME: &str = "vault.hdr";
const NEW_NAME: &str = "vault.hdr.new";
/// A log that holds no more than its first epoch holds nothing.
const EMPTY_LOG: u64 = (HEAD_BYTES + SALT_BYTES + 25 + TAG_BYTES) as u64;

/// The header of an open vault, and its file.
pub(crate) struct Headers<D: Disk> {
    file: D::File,
    pub(crate) header: Header,
    /// Which copy holds, 0 or 1.
    newest: u64,
    /// Whether both copies name the same log, so that no other is needed any more.
    pub(crate) agree: bool,
}

/// What is seen of a vault without any key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Its random name.
    pub store: StoreId,
    /// What opens it, as long as no one forged it: only opening it proves that.
    pub slots: Vec<SlotInfo>,
}

/// Looks for a vault in a folder. Remains of an interrupted creation are none; an interrupted erasure is finished.
pub fn presence(disk: &impl Disk) -> Result<Option<Presence>, Error> {
    let Some(file) = open(disk, NAME)? else {
        return no_header(disk);
    };
    if is_being_erased(&file)? {
        drop(file);
        erase(disk)?;
        return Ok(None);
    }
    let newest = read(&file)?.into_iter().next();
    Ok(newest.map(|(_, Parsed { header, .. })| Presence {
        store: header.store,
        slots: header.slots.into_iter().map(|slot| slot.info).collect(),
    }))
}

/// A header that was never durable is that of a vault that was never used.
fn no_header(disk: &impl Disk) -> Result<Option<Presence>, Error> {
    for name in disk.names().map_err(Error::Folder)? {
        if log::number(&name).is_none() {
            continue;
        }
        let file = open(disk, &name)?;
        let length = file
            .map_or(Ok(0), |file| file.length())
            .map_err(Error::Read)?;
        if length > EMPTY_LOG {
            return Err(Error::HeaderMissing);
        }
    }
    Ok(None)
}

fn is_being_erased(file: &impl DiskFile) -> Result<bool, Error> {
    let mut magic = [0; 8];
    file.read_at(&mut magic, 0).map_err(Error::Read)?;
    Ok(magic == ERASED)
}

/// Opens a file of the folder for reading and writing, if it is there.
pub(crate) fn open<D: Disk>(disk: &D, name: &str) -> Result<Option<D::File>, Error> {
    disk.open(name).map_err(|source| Error::Open {
        name: name.to_owned(),
        source,
    })
}

/// The copies that can be read, each with its place, newest first; at least one.
fn read(file: &impl DiskFile) -> Result<Vec<(u64, Parsed)>, Error> {
    let mut whole = vec![0; 2 * HEADER_BYTES];
    let length = file.read_at(&mut whole, 0).map_err(Error::Read)?;
    let mut copies = Vec::with_capacity(2);
    let mut newer = None;
    for (place, copy) in (0..).zip(whole[..length].chunks(HEADER_BYTES)) {
        match Header::decode(Purpose::Vault, copy) {
            Ok(parsed) => copies.push((place, parsed)),
            Err(Unreadable::Newer { version, suite }) => {
                newer = Some(Error::Newer { version, suite });
            }
            Err(Unreadable::Short | Unreadable::Foreign | Unreadable::Malformed) => {}
        }
    }
    copies.sort_by_key(|(_, copy)| std::cmp::Reverse(copy.header.revision));
    if copies.is_empty() {
        return Err(newer.unwrap_or(Error::HeaderDamaged));
    }
    Ok(copies)
}

impl<D: Disk> Headers<D> {
    /// Writes a first header, under another name until it is whole.
    pub(crate) fn create(disk: &D, header: Header, data_key: &[u8; 32]) -> Result<Self, Error> {
        let file = disk.create(NEW_NAME).map_err(Error::Folder)?;
        let copy = header.encode(data_key);
        for at in [0, HEADER_BYTES as u64] {
            file.write_at(&copy, at).map_err(Error::Write)?;
        }
        file.sync().map_err(Error::Sync)?;
        lock(&file)?;
        disk.rename(NEW_NAME, NAME).map_err(Error::Folder)?;
        disk.sync().map_err(Error::Folder)?;
        Ok(Self {
            file,
            header,
            newest: 0,
            agree: true,
        })
    }

    /// Opens the newest genuine copy.
    pub(crate) fn open(disk: &D, secret: &Secret, hold: Hold) -> Result<(Self, DataKey), Error> {
        let file = open(disk, NAME)?.ok_or(Error::Absent)?;
        lock(&file)?;
        let copies = read(&file)?;
        let mut wrong_key = None;
        for (rank, (place, copy)) in copies.iter().enumerate() {
            match copy.open(secret) {
                Ok(data_key) => {
                    // A secret that was removed opens the older copy if the power went off in between.
                    let mut newer = copies[..rank].iter();
                    if newer.any(|(_, newer)| newer.is_genuine(&data_key)) {
                        break;
                    }
                    let header = copy.header.clone();
                    let agrees =
                        |copy: &Parsed| copy.header.log == header.log && copy.is_genuine(&data_key);
                    let headers = Self {
                        file,
                        newest: *place,
                        agree: copies.len() == 2 && copies.iter().all(|(_, copy)| agrees(copy)),
                        header,
                    };
                    return Ok((headers, hold(data_key)));
                }
                Err(Locked::WrongKey) => wrong_key = wrong_key.or(Some(&copy.header)),
                Err(Locked::Forged) => {}
            }
        }
        Err(wrong_key.map_or(Error::HeaderDamaged, Header::wrong_key))
    }

    /// Writes the copy that holds once more, as it is. After a sync that failed, in a process that is gone, the system
    /// may show it whole while the disk has it torn; and then the other is the only one until this has returned.
    pub(crate) fn affirm(&self, data_key: &[u8; 32]) -> Result<(), Error> {
        let copy = self.header.encode(data_key);
        let at = self.newest * HEADER_BYTES as u64;
        self.file.write_at(&copy, at).map_err(Error::Write)?;
        self.file.sync().map_err(Error::Sync)
    }

    /// Fails when the header's name stands for another file, or for none.
    pub(crate) fn in_place(&self, disk: &D) -> Result<(), Error> {
        in_place(disk, NAME, &self.file)
    }

    /// Writes both copies again, one after the other: first the one that does not hold.
    pub(crate) fn write(&mut self, data_key: &[u8; 32]) -> Result<(), Error> {
        self.header.revision += 1;
        let copy = self.header.encode(data_key);
        for place in [1 - self.newest, self.newest] {
            let at = place * HEADER_BYTES as u64;
            self.file.write_at(&copy, at).map_err(Error::Write)?;
            self.file.sync().map_err(Error::Sync)?;
        }
        self.agree = true;
        Ok(())
    }
}

/// One process at a time, whatever the folder is called.
fn lock(file: &impl DiskFile) -> Result<(), Error> {
    let locked = file.lock().map_err(Error::Folder)?;
    locked.then_some(()).ok_or(Error::InUse)
}

/// Fails when a name stands for another file than this, or for none.
pub(crate) fn in_place<D: Disk>(disk: &D, name: &str, file: &D::File) -> Result<(), Error> {
    let named = disk.is_named(name, file).map_err(Error::Folder)?;
    named
        .then_some(())
        .ok_or_else(|| Error::Replaced(name.to_owned()))
}

/// Removes the journal's files, whose keys are gone.
pub(crate) fn remove_journal(disk: &impl Disk) -> Result<(), Error> {
    for name in disk.names().map_err(Error::Folder)? {
        if journal::file_number(&name).is_some() {
            disk.remove(&name).map_err(Error::Folder)?;
        }
    }
    disk.sync().map_err(Error::Folder)
}

/// Ends whatever vault is in the folder. Begun once, it is finished at the next start if need be.
pub(crate) fn erase(disk: &impl Disk) -> Result<(), Error> {
    if let Some(file) = open(disk, NAME)? {
        // From here on there is no way back: one sector, written whole or not at all.
        file.write_at(&ERASED, 0).map_err(Error::Write)?;
        file.sync().map_err(Error::Sync)?;
        let mut noise = vec![0; 2 * HEADER_BYTES];
        random(&mut noise)?;
        noise[..ERASED.len()].copy_from_slice(&ERASED);
        file.write_at(&noise, 0).map_err(Error::Write)?;
        file.sync().map_err(Error::Sync)?;
    }
    for name in disk.names().map_err(Error::Folder)? {
        let ours = log::number(&name).or_else(|| journal::file_number(&name));
        if ours.is_some() || name == NEW_NAME {
            disk.remove(&name).map_err(Error::Folder)?;
        }
    }
    disk.sync().map_err(Error::Folder)?;
    disk.remove(NAME).map_err(Error::Folder)?;
    disk.sync().map_err(Error::Folder)
}
