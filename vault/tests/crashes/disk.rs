//! A simulated disk that loses unsynced changes as real disks do: sectors in any order or torn, names, lengths.
//!
//! It tracks what a process sees and what is durable. A kill keeps both; a power cut keeps a random subset of the
//! unsynced changes, sector by sector. Faults fire at a chosen operation.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;
use openclaw_vault::{Disk, DiskFile};

use crate::inode::{Change, Inode, apply};
use crate::ledger::Ledger;

/// What goes wrong at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed in the middle of the operation.
    Stop,
    /// The operation fails; a write may have been done in part.
    Io,
    /// From here on the disk is full.
    Full,
    /// The next sync fails, and its writes are lost.
    SyncFails,
}

enum Renaming {
    Link(String, usize),
    Unlink(String),
    Move(String, String, usize),
}

#[derive(Default)]
struct Names {
    cached: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<Renaming>,
}

pub(crate) struct Inner {
    rng: Rng,
    inodes: Vec<Inode>,
    names: Names,
    fault: Option<(u32, Fault)>,
    fired: bool,
    stopped: bool,
    full: bool,
    sync_fails: bool,
    ledger: Ledger,
    pub(crate) operations: u64,
    pub(crate) syncs: u64,
}

/// A handle to the disk.
#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<Inner>>);

/// A handle to a file.
pub(crate) struct SimFile {
    disk: SimDisk,
    inode: usize,
    log: bool,
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            rng: Rng::with_seed(seed),
            inodes: Vec::new(),
            names: Names::default(),
            fault: None,
            fired: false,
            stopped: false,
            full: false,
            sync_fails: false,
            ledger: Ledger::default(),
            operations: 0,
            syncs: 0,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Arms a fault that fires after so many operations.
    pub(crate) fn arm(&self, after: u32, fault: Fault) {
        let mut inner = self.lock();
        inner.fault = Some((after, fault));
        inner.fired = inner.stopped;
    }

    pub(crate) fn disarm(&self) {
        let mut inner = self.lock();
        inner.fault = None;
        inner.fired = inner.stopped;
        inner.sync_fails = false;
    }

    /// True if anything has gone wrong since the last restart.
    pub(crate) fn is_faulty(&self) -> bool {
        let inner = self.lock();
        inner.fired || inner.full
    }

    /// Ends [`Fault::Full`].
    pub(crate) fn free_space(&self) {
        self.lock().full = false;
    }

    /// Starts a new process on the same running machine.
    pub(crate) fn kill(&self) {
        let mut inner = self.lock();
        inner.stopped = false;
        inner.fired = false;
        inner.fault = None;
        inner.sync_fails = false;
    }

    /// Starts a new process after a power cut.
    pub(crate) fn cut_power(&self) {
        self.kill();
        self.lock().lose();
    }

    /// A copy of the directory with the files as the process sees them.
    pub(crate) fn copy(&self) -> Self {
        let inner = self.lock();
        let mut rng = inner.rng.clone();
        let copy = Self::new(rng.u64(..));
        let mut copied = copy.lock();
        for (name, inode) in &inner.names.cached {
            let content = inner.inodes[*inode].cached.clone();
            let number = copied.inodes.len();
            copied.names.cached.insert(name.clone(), number);
            copied.names.durable.insert(name.clone(), number);
            copied.inodes.push(Inode {
                cached: content.clone(),
                durable: content,
                ..Inode::default()
            });
        }
        drop(copied);
        copy
    }

    /// Records the frames of a backup in the ledger.
    pub(crate) fn note_backup(&self, bytes: &[u8]) {
        self.lock().ledger.note_all(bytes);
    }
}

impl Inner {
    /// Counts an operation. `Ok(Some)` is a fault that fires at it.
    fn tick(&mut self) -> io::Result<Option<Fault>> {
        if self.stopped {
            return Err(io::Error::other("the process was killed"));
        }
        self.operations += 1;
        let Some((left, fault)) = &mut self.fault else {
            return Ok(None);
        };
        if *left > 0 {
            *left -= 1;
            return Ok(None);
        }
        let fault = *fault;
        self.fault = None;
        self.fired = true;
        match fault {
            Fault::Stop => self.stopped = true,
            Fault::Io => {}
            Fault::Full => self.full = true,
            Fault::SyncFails => self.sync_fails = true,
        }
        Ok(Some(fault))
    }

    /// For atomic operations: a killed process may have completed the operation or not.
    fn whole(&mut self) -> io::Result<()> {
        match self.tick()? {
            Some(Fault::Io) => Err(io::Error::from_raw_os_error(5)),
            Some(Fault::Stop) if self.rng.bool() => Err(io::Error::other("the process was killed")),
            _ => Ok(()),
        }
    }

    fn write(&mut self, file: &SimFile, bytes: &[u8], at: usize) -> io::Result<()> {
        let fault = self.tick()?;
        let inode = &mut self.inodes[file.inode];
        let extends = at + bytes.len() > inode.cached.len();
        let repeats = inode.cached.get(at..at + bytes.len()) == Some(bytes);
        if file.log && !repeats {
            self.ledger.note(&mut inode.salt, bytes);
        }
        let (written, error) = match fault {
            Some(Fault::Stop) => (
                self.rng.usize(..=bytes.len()),
                Some(io::Error::other("the process was killed")),
            ),
            Some(Fault::Io) => (
                self.rng.usize(..=bytes.len()),
                Some(io::Error::from_raw_os_error(5)),
            ),
            _ if self.full && extends => {
                let room = inode.cached.len().saturating_sub(at);
                (
                    self.rng.usize(room.min(bytes.len())..=bytes.len()),
                    Some(io::Error::from(io::ErrorKind::StorageFull)),
                )
            }
            _ => (bytes.len(), None),
        };
        inode.put(at, &bytes[..written]);
        error.map_or(Ok(()), Err)
    }

    fn sync(&mut self, inode: usize) -> io::Result<()> {
        let fault = self.tick()?;
        self.syncs += 1;
        let inode = &mut self.inodes[inode];
        if self.sync_fails || fault == Some(Fault::Io) {
            self.sync_fails = false;
            inode.fail_to_sync(&mut self.rng);
            return Err(io::Error::from_raw_os_error(5));
        }
        if fault == Some(Fault::Stop) && self.rng.bool() {
            return Err(io::Error::other("the process was killed"));
        }
        for change in std::mem::take(&mut inode.pending) {
            apply(&mut inode.durable, &change);
        }
        if self.stopped {
            return Err(io::Error::other("the process was killed"));
        }
        Ok(())
    }

    /// Cuts the power.
    fn lose(&mut self) {
        let share = [0.0, 0.1, 0.5, 0.9, 1.0][self.rng.usize(..5)];
        for inode in &mut self.inodes {
            if !inode.pending.is_empty() || inode.astray {
                inode.lose(share, &mut self.rng);
            }
        }
        for renaming in std::mem::take(&mut self.names.pending) {
            if self.rng.f64() < share {
                rename(&mut self.names.durable, &renaming);
            }
        }
        self.names.cached = self.names.durable.clone();
        for (number, inode) in self.inodes.iter_mut().enumerate() {
            if !self.names.cached.values().any(|linked| *linked == number) {
                *inode = Inode::default();
            }
        }
    }

    fn change_names(&mut self, renaming: Renaming) {
        rename(&mut self.names.cached, &renaming);
        self.names.pending.push(renaming);
    }
}

fn rename(names: &mut BTreeMap<String, usize>, renaming: &Renaming) {
    match renaming {
        Renaming::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Renaming::Unlink(name) => {
            names.remove(name);
        }
        Renaming::Move(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn open(&self, name: &str) -> io::Result<Option<SimFile>> {
        let mut inner = self.lock();
        inner.whole()?;
        let inode = inner.names.cached.get(name).copied();
        Ok(inode.map(|inode| self.file(name, inode)))
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut inner = self.lock();
        inner.whole()?;
        if inner.full {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        if let Some(inode) = inner.names.cached.get(name).copied() {
            let emptied = &mut inner.inodes[inode];
            emptied.cached.clear();
            emptied.pending.push(Change::Length(0));
            return Ok(self.file(name, inode));
        }
        let inode = inner.inodes.len();
        inner.inodes.push(Inode::default());
        inner.change_names(Renaming::Link(name.to_owned(), inode));
        Ok(self.file(name, inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.whole()?;
        let inode = inner.names.cached.get(from).copied();
        let inode = inode.ok_or(io::ErrorKind::NotFound)?;
        inner.change_names(Renaming::Move(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.whole()?;
        if inner.names.cached.contains_key(name) {
            inner.change_names(Renaming::Unlink(name.to_owned()));
        }
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut inner = self.lock();
        inner.whole()?;
        Ok(inner.names.cached.keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.whole()?;
        inner.syncs += 1;
        for renaming in std::mem::take(&mut inner.names.pending) {
            rename(&mut inner.names.durable, &renaming);
        }
        Ok(())
    }

    fn is_named(&self, name: &str, file: &SimFile) -> io::Result<bool> {
        let mut inner = self.lock();
        inner.whole()?;
        Ok(inner.names.cached.get(name) == Some(&file.inode))
    }
}

impl SimDisk {
    fn file(&self, name: &str, inode: usize) -> SimFile {
        SimFile {
            disk: self.clone(),
            inode,
            log: name.ends_with(".log"),
        }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut inner = self.disk.lock();
        if let Some(Fault::Io | Fault::Stop) = inner.tick()? {
            return Err(io::Error::from_raw_os_error(5));
        }
        let content = &inner.inodes[self.inode].cached;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
        let read = buffer.len().min(content.len() - from);
        buffer[..read].copy_from_slice(&content[from..from + read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let at = usize::try_from(at).map_err(io::Error::other)?;
        self.disk.lock().write(self, bytes, at)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut inner = self.disk.lock();
        inner.whole()?;
        let inode = &mut inner.inodes[self.inode];
        inode.cached.resize(length, 0);
        inode.pending.push(Change::Length(length));
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let mut inner = self.disk.lock();
        inner.whole()?;
        Ok(inner.inodes[self.inode].cached.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.lock().sync(self.inode)
    }
}
