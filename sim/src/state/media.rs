//! The files of the media host: complete and partial uploads, and files that the simulator made. Their memory is
//! limited.

pub(crate) mod faults;

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use rand::RngExt as _;

use crate::clock::unix_now;
use crate::number::DeviceId;
use crate::wire::file::{Hash, MediaType, Stored, token};
use faults::{MediaFault, MediaFaults};

/// The lifetime of a file's path, which contains its expiry.
const LIFETIME_SECONDS: u64 = 30 * 86_400;
/// The number of media tokens that are kept, newest first.
const MAX_AUTHS: usize = 1_024;

/// There is no room for the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// The files of the media host, its tokens, and its faults.
#[derive(Default)]
pub(crate) struct Media {
    /// By the path without its query.
    files: HashMap<String, Hosted>,
    /// The newest path of an uploaded file, by its name in the address.
    uploaded: HashMap<String, String>,
    /// Partial uploads, by the same name.
    begun: HashMap<String, Begun>,
    auths: Vec<Auth>,
    used: usize,
    pub(crate) faults: MediaFaults,
}

/// A partial upload.
#[derive(Default)]
struct Begun {
    bytes: BytesMut,
    /// The number of its latest request.
    request: u64,
}

/// A file at one path.
#[derive(Clone)]
pub(crate) struct Hosted {
    pub(crate) stored: Stored,
    pub(crate) kind: MediaType,
    /// SHA-256 of the bytes on the host.
    pub(crate) enc_sha256: Hash,
    /// The query of the path: the signature and the expiry.
    pub(crate) query: String,
    /// The file was removed: requests get this status.
    pub(crate) gone: Option<u16>,
}

/// Whether a token is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    Granted(DeviceId),
    Expired(DeviceId),
    /// The server has not issued this token.
    Unknown,
}

struct Auth {
    token: String,
    device: DeviceId,
    expired: bool,
}

impl Media {
    /// Issues a token for uploads to a companion.
    pub(crate) fn authorize(&mut self, device: &DeviceId) -> String {
        if self.auths.len() >= MAX_AUTHS {
            self.auths.remove(0);
        }
        let token = format!("sim-media-{:016x}", rand::random::<u64>());
        self.auths.push(Auth {
            token: token.clone(),
            device: device.clone(),
            expired: false,
        });
        token
    }

    pub(crate) fn access(&self, token: &str) -> Access {
        match self.auths.iter().find(|auth| auth.token == token) {
            Some(auth) if auth.expired => Access::Expired(auth.device.clone()),
            Some(auth) => Access::Granted(auth.device.clone()),
            None => Access::Unknown,
        }
    }

    /// Injects a fault.
    pub(crate) fn strike(&mut self, fault: &MediaFault) {
        if *fault == MediaFault::Expired {
            for auth in &mut self.auths {
                auth.expired = true;
            }
        }
        self.faults.set(fault);
    }

    /// Stores a file. Returns its path, with the query.
    pub(crate) fn put(
        &mut self,
        stored: Stored,
        kind: MediaType,
        enc_sha256: Hash,
        limit: usize,
    ) -> Result<String, Full> {
        self.make_room(stored.cost(), limit)?;
        self.used += stored.cost();
        Ok(self.name(stored, kind, enc_sha256))
    }

    /// Makes a path for a file whose memory is already counted.
    fn name(&mut self, stored: Stored, kind: MediaType, enc_sha256: Hash) -> String {
        let mut rng = rand::rng();
        let numbers: [u64; 3] = std::array::from_fn(|_| rng.random_range(10_000_000..u64::MAX / 2));
        let [one, two, three] = numbers;
        let (folder, ending) = folder(kind);
        let path = format!("/v/{folder}/{one}_{two}_{three}_n.{ending}");
        let until = unix_now() + LIFETIME_SECONDS;
        let signature = rng.random::<u128>();
        let query = format!("ccb=11-4&oh=01_{signature:032X}&oe={until:X}&_nc_sid=5e03e0");
        let direct_path = format!("{path}?{query}");
        let hosted = Hosted {
            stored,
            kind,
            enc_sha256,
            query,
            gone: None,
        };
        self.files.insert(path, hosted);
        direct_path
    }

    /// The file at a path, given with or without its query.
    pub(crate) fn file(&self, path: &str) -> Option<&Hosted> {
        self.files.get(bare(path))
    }

    /// Removes a file: requests get this status. Its owner still has it.
    pub(crate) fn remove(&mut self, path: &str, status: u16) -> bool {
        let file = self.files.get_mut(bare(path));
        file.is_some_and(|file| {
            file.gone = Some(status);
            true
        })
    }

    /// Uploads a file again, to a new path.
    pub(crate) fn renew(&mut self, path: &str) -> Option<String> {
        let file = self.files.get(bare(path))?.clone();
        Some(self.name(file.stored, file.kind, file.enc_sha256))
    }

    /// The path of an uploaded file that was not removed.
    pub(crate) fn uploaded(&self, name: &str) -> Option<String> {
        let path = self.uploaded.get(name)?;
        let file = self.files.get(path)?;
        file.gone
            .is_none()
            .then(|| format!("{path}?{}", file.query))
    }

    /// The number of received bytes of an upload.
    pub(crate) fn received(&self, name: &str) -> usize {
        self.begun.get(name).map_or(0, |begun| begun.bytes.len())
    }

    /// Starts an upload, or continues it at this offset; bytes received after the offset are discarded. Returns the number
    /// of the request: an older one, whose connection still has bytes, can no longer append.
    pub(crate) fn begin(
        &mut self,
        name: &str,
        offset: usize,
        size: usize,
        limit: usize,
    ) -> Result<u64, Full> {
        let before = self.received(name).saturating_sub(offset);
        self.used -= before;
        let begun = self.begun.entry(name.to_owned()).or_default();
        begun.bytes.truncate(offset);
        begun.request += 1;
        let request = begun.request;
        self.make_room(size, limit)?;
        Ok(request)
    }

    /// Appends the next bytes of an upload. `false` if a newer request has taken over.
    pub(crate) fn append(
        &mut self,
        name: &str,
        request: u64,
        bytes: &Bytes,
        limit: usize,
    ) -> Result<bool, Full> {
        if self.begun.get(name).map(|begun| begun.request) != Some(request) {
            return Ok(false);
        }
        self.make_room(bytes.len(), limit)?;
        self.used += bytes.len();
        if let Some(begun) = self.begun.get_mut(name) {
            begun.bytes.extend_from_slice(bytes);
        }
        Ok(true)
    }

    /// Removes a complete upload from the partial ones.
    pub(crate) fn take(&mut self, name: &str) -> Bytes {
        let bytes = self.begun.remove(name).unwrap_or_default().bytes.freeze();
        self.used -= bytes.len();
        bytes
    }

    /// Stores an upload under the name that its client chose. Returns its path, with the query.
    pub(crate) fn put_upload(
        &mut self,
        bytes: Bytes,
        kind: MediaType,
        enc_sha256: Hash,
        limit: usize,
    ) -> Result<String, Full> {
        let path = self.put(Stored::Sealed(bytes), kind, enc_sha256, limit)?;
        self.uploaded
            .insert(token(&enc_sha256), bare(&path).to_owned());
        Ok(path)
    }

    fn make_room(&self, size: usize, limit: usize) -> Result<(), Full> {
        match self.used.checked_add(size) {
            Some(used) if used <= limit => Ok(()),
            _ => Err(Full),
        }
    }
}

fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

/// WhatsApp's folder and file extension for each kind of file.
fn folder(kind: MediaType) -> (&'static str, &'static str) {
    match kind {
        MediaType::Video => ("t62.7161-24", "enc"),
        MediaType::Audio => ("t62.7117-24", "enc"),
        MediaType::Document => ("t62.7119-24", "enc"),
        MediaType::Sticker => ("t62.15575-24", "enc"),
        MediaType::History => ("t62.36148-24", "enc"),
        // Profile pictures and catalog images are not encrypted.
        MediaType::ProductCatalogImage => ("t61.24694-24", "jpg"),
        _ => ("t62.7118-24", "enc"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::file::sha256;

    #[test]
    fn an_interrupted_upload_continues_and_counts_once() {
        let mut media = Media::default();
        let whole = Bytes::from_static(b"0123456789");
        let name = token(&sha256(&whole));
        let first = media.begin(&name, 0, 10, 12).expect("room");
        let taken = media.append(&name, first, &whole.slice(..6), 12);
        assert_eq!(taken, Ok(true));
        assert_eq!(media.received(&name), 6);
        let second = media.begin(&name, 4, 6, 12).expect("room");
        assert_eq!(media.received(&name), 4);
        // What was still on its way when the first connection was lost.
        let late = media.append(&name, first, &whole.slice(6..), 12);
        assert_eq!(late, Ok(false));
        let taken = media.append(&name, second, &whole.slice(4..), 12);
        assert_eq!(taken, Ok(true));
        let bytes = media.take(&name);
        assert_eq!(bytes, whole);
        let put = media.put_upload(bytes, MediaType::Image, sha256(&whole), 12);
        let path = put.expect("room");
        assert_eq!(media.uploaded(&name), Some(path.clone()));
        assert!(media.remove(&path, 410));
        assert_eq!(media.uploaded(&name), None);
        let again = media.renew(&path).expect("it was there");
        assert_ne!(again, path);
        assert!(media.file(&again).is_some_and(|file| file.gone.is_none()));
    }

    #[test]
    fn no_file_is_accepted_beyond_the_limit() {
        let mut media = Media::default();
        let file = Stored::Sealed(Bytes::from_static(b"0123456789"));
        let hash = sha256(b"0123456789");
        assert!(media.put(file.clone(), MediaType::Image, hash, 15).is_ok());
        assert_eq!(media.put(file, MediaType::Image, hash, 15), Err(Full));
        assert_eq!(media.begin("name", 0, 6, 15), Err(Full));
        assert!(media.begin("name", 0, 5, 15).is_ok());
    }

    #[test]
    fn a_fault_expires_a_token_and_the_next_one_is_valid() {
        let mut media = Media::default();
        let device = ("+15550100001".parse().expect("a number"), 1);
        let token = media.authorize(&device);
        assert_eq!(media.access(&token), Access::Granted(device.clone()));
        media.strike(&MediaFault::Expired);
        assert_eq!(media.access(&token), Access::Expired(device.clone()));
        let next = media.authorize(&device);
        assert_eq!(media.access(&next), Access::Granted(device));
        assert_eq!(media.access("made up"), Access::Unknown);
    }
}
