//! The header file: two copies, so that one is intact after a power loss.
//!
//! The copy with the higher revision is current. A write replaces the older copy first, fsyncs, then replaces the
//! other one. While one copy is half written, the other still holds the previous state.

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
/// The size of a log that has only its first epoch frame, and so no records.
const EMPTY_LOG: u64 = (HEAD_BYTES + SALT_BYTES + 25 + TAG_BYTES) as u64;

/// The header of an open vault, and its file.
pub(crate) struct Headers<D: Disk> {
    file: D::File,
    pub(crate) header: Header,
    /// The index of the current copy, 0 or 1.
    newest: u64,
    /// True if both copies name the same log, so that every other log can be deleted.
    pub(crate) agree: bool,
}

/// What is visible of a vault without a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// The store's id.
    pub store: StoreId,
    /// The slots. Not authenticated: only opening the vault proves that no one forged them.
    pub slots: Vec<SlotInfo>,
}

/// Looks for a vault in a directory. Leftovers of an interrupted creation do not count; an interrupted erasure is
/// completed.
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

/// If the header never became durable, the vault was never used, and its leftovers do not count.
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

/// Opens a file for reading and writing; `None` if it does not exist.
pub(crate) fn open<D: Disk>(disk: &D, name: &str) -> Result<Option<D::File>, Error> {
    disk.open(name).map_err(|source| Error::Open {
        name: name.to_owned(),
        source,
    })
}

/// The readable copies with their index, newest first; at least one.
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
    /// Writes the first header, under a temporary name until it is complete.
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

    /// Opens the newest authentic copy.
    pub(crate) fn open(disk: &D, secret: &Secret, hold: Hold) -> Result<(Self, DataKey), Error> {
        let file = open(disk, NAME)?.ok_or(Error::Absent)?;
        lock(&file)?;
        let copies = read(&file)?;
        let mut wrong_key = None;
        for (rank, (place, copy)) in copies.iter().enumerate() {
            match copy.open(secret) {
                Ok(data_key) => {
                    // A removed secret still opens the older copy if the power was lost between the two writes, so
                    // the newer copy decides.
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

    /// Writes the current copy once more, unchanged. If a sync failed in an earlier process, the kernel may show the
    /// copy as intact although the disk has it torn. Until this returns, the other copy is the only safe one.
    pub(crate) fn rewrite_current(&self, data_key: &[u8; 32]) -> Result<(), Error> {
        let copy = self.header.encode(data_key);
        let at = self.newest * HEADER_BYTES as u64;
        self.file.write_at(&copy, at).map_err(Error::Write)?;
        self.file.sync().map_err(Error::Sync)
    }

    /// Fails if the header's name refers to another file, or to none.
    pub(crate) fn in_place(&self, disk: &D) -> Result<(), Error> {
        in_place(disk, NAME, &self.file)
    }

    /// Writes both copies, one after the other, the older one first.
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

/// Allows one process at a time, under whatever path it opened the directory.
fn lock(file: &impl DiskFile) -> Result<(), Error> {
    let locked = file.lock().map_err(Error::Folder)?;
    locked.then_some(()).ok_or(Error::InUse)
}

/// Fails if `name` refers to another file than `file`, or to none.
pub(crate) fn in_place<D: Disk>(disk: &D, name: &str, file: &D::File) -> Result<(), Error> {
    let named = disk.is_named(name, file).map_err(Error::Folder)?;
    named
        .then_some(())
        .ok_or_else(|| Error::Replaced(name.to_owned()))
}

/// Removes the journal's files, whose keys are already gone.
pub(crate) fn remove_journal(disk: &impl Disk) -> Result<(), Error> {
    for name in disk.names().map_err(Error::Folder)? {
        if journal::file_number(&name).is_some() {
            disk.remove(&name).map_err(Error::Folder)?;
        }
    }
    disk.sync().map_err(Error::Folder)
}

/// Erases the vault in a directory. If it is interrupted, the next start completes it.
pub(crate) fn erase(disk: &impl Disk) -> Result<(), Error> {
    if let Some(file) = open(disk, NAME)? {
        // The point of no return: one sector, which is written atomically.
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
