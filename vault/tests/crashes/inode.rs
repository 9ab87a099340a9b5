//! The content of a file: what a process sees, and what of it is durable.

use fastrand::Rng;

const SECTOR: usize = 512;

pub(crate) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Default)]
pub(crate) struct Inode {
    pub(crate) cached: Vec<u8>,
    pub(crate) durable: Vec<u8>,
    pub(crate) pending: Vec<Change>,
    /// After a failed sync: the cached content is neither durable nor will it be written.
    pub(crate) astray: bool,
    pub(crate) salt: Option<[u8; 32]>,
}

impl Inode {
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let change = Change::Write {
            at,
            bytes: bytes.to_vec(),
        };
        apply(&mut self.cached, &change);
        self.pending.push(change);
    }

    /// Randomly decides for each sector of each pending change whether it reaches the disk.
    fn settle(&mut self, share: f64, rng: &mut Rng) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Length(_) => {
                    if rng.f64() < share {
                        apply(&mut self.durable, &change);
                    }
                }
                Change::Write { at, bytes } => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let until = (SECTOR - (at + from) % SECTOR + from).min(bytes.len());
                        if rng.f64() < share {
                            let bytes = bytes[from..until].to_vec();
                            apply(
                                &mut self.durable,
                                &Change::Write {
                                    at: at + from,
                                    bytes,
                                },
                            );
                        }
                        from = until;
                    }
                }
            }
        }
    }

    pub(crate) fn lose(&mut self, share: f64, rng: &mut Rng) {
        let (before, after) = (self.durable.len(), self.cached.len());
        self.settle(share, rng);
        // The length is independent: the old one, the new one or any between; a gap reads as zeros.
        if after > before && rng.bool() {
            let length = rng.usize(before..=after);
            self.durable.resize(length, 0);
        }
        self.cached.clone_from(&self.durable);
        self.astray = false;
    }

    /// Drops the pending writes. Afterwards the cache may or may not still show them.
    pub(crate) fn fail_to_sync(&mut self, rng: &mut Rng) {
        self.settle(rng.f64(), rng);
        if rng.bool() {
            self.cached.clone_from(&self.durable);
        } else {
            self.astray = true;
        }
    }
}

pub(crate) fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => {
            if content.len() < at + bytes.len() {
                content.resize(at + bytes.len(), 0);
            }
            content[*at..*at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Length(length) => content.resize(*length, 0),
    }
}
