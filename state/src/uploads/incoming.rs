//! A file that is being received. Runs on a thread of its own, because it blocks on the disk.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use openclaw_types::{Media, MediaId, MediaKind, MediaPointer};
use rustix::fs::{OFlags, statvfs};
use sha2::{Digest as _, Sha256};

use super::inspection::{Findings, Inspection};
use super::{FormatError, MAX_FILE_BYTES, NewUpload, Upload, UploadError, Uploads, file_name};
use crate::vault::Ticket;

/// The free space is checked again after this many bytes.
const SPACE_CHECK_BYTES: u64 = 4 * 1024 * 1024;
const VOICE_MIME_TYPE: &str = "audio/ogg; codecs=opus";

/// The result of encrypting a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// The key, and the hashes of the file and of what is on the volume.
    pub pointer: MediaPointer,
    /// WhatsApp's MACs of its parts; may be empty.
    pub sidecar: Vec<u8>,
}

/// A file that is being received. Dropping it removes the file, unless it was sealed.
pub struct Incoming {
    uploads: Arc<Uploads>,
    /// Its number, and its name on the volume. The media id needs the hash too, which is known only at the end.
    upload: u64,
    new: NewUpload,
    file: File,
    inspection: Inspection,
    bytes: u64,
    encrypted_bytes: u64,
    /// The free space is known to be enough up to this size.
    room: u64,
    sealed: bool,
}

impl Incoming {
    pub(super) fn begin(
        uploads: Arc<Uploads>,
        new: NewUpload,
        now: SystemTime,
    ) -> Result<Self, UploadError> {
        let declared = new.media.bytes;
        if declared > MAX_FILE_BYTES {
            return Err(UploadError::TooLarge);
        }
        let upload = fastrand::u64(..);
        uploads.evict_unclaimed(declared, now);
        uploads.reserve(upload, declared)?;
        let file = create(&uploads.dir, upload);
        let inspection = Inspection::of(new.media.kind);
        let mut incoming = match file {
            Ok(file) => Self {
                uploads,
                upload,
                new,
                file,
                inspection,
                bytes: 0,
                encrypted_bytes: 0,
                room: 0,
                sealed: false,
            },
            Err(error) => {
                uploads.state().receiving.remove(&upload);
                return Err(error.into());
            }
        };
        incoming.make_room(declared)?;
        Ok(incoming)
    }

    /// The next bytes of the file, and the ciphertext that resulted since the previous call.
    pub fn add(&mut self, plain: &[u8], encrypted: &[u8]) -> Result<(), UploadError> {
        self.bytes += length(plain);
        let declared = self.new.media.bytes;
        if self.bytes > MAX_FILE_BYTES {
            return Err(UploadError::TooLarge);
        }
        if declared > 0 && self.bytes > declared {
            return Err(self.other_size());
        }
        self.inspection.read(plain)?;
        self.write(encrypted)
    }

    /// Ends the file and stores it. It is durable once the ticket is.
    pub fn seal(
        mut self,
        tail: &[u8],
        encrypted: Encrypted,
        now: SystemTime,
    ) -> Result<(MediaId, Upload, Ticket), UploadError> {
        if self.bytes == 0 {
            return Err(FormatError::Empty.into());
        }
        if self.new.media.bytes > 0 && self.bytes != self.new.media.bytes {
            return Err(self.other_size());
        }
        self.write(tail)?;
        let inspection = std::mem::replace(&mut self.inspection, Inspection::Other);
        let findings = inspection.finish()?;
        let upload = self.describe(findings, encrypted, now);
        // The row must never be durable without the file and its name.
        self.file.sync_all()?;
        File::open(&self.uploads.dir)?.sync_all()?;
        let id = MediaId::new(content(&upload.media), self.upload);
        let ticket = self.uploads.store(id, &upload);
        self.sealed = true;
        Ok((id, upload, ticket))
    }

    fn write(&mut self, encrypted: &[u8]) -> Result<(), UploadError> {
        self.encrypted_bytes += length(encrypted);
        self.make_room(self.encrypted_bytes)?;
        self.file.write_all(encrypted)?;
        Ok(())
    }

    /// Counts the current size, and checks the volume's free space from time to time.
    fn make_room(&mut self, size: u64) -> Result<(), UploadError> {
        self.uploads.grow(self.upload, size)?;
        if size < self.room {
            return Ok(());
        }
        let room = size + SPACE_CHECK_BYTES;
        let wanted = room - self.encrypted_bytes;
        if !self.uploads.has_space(wanted)? {
            return Err(UploadError::VolumeFull);
        }
        // Other files and the store grow meanwhile.
        self.room = self.encrypted_bytes + SPACE_CHECK_BYTES;
        Ok(())
    }

    fn other_size(&self) -> UploadError {
        UploadError::OtherSize {
            bytes: self.bytes,
            declared: self.new.media.bytes,
        }
    }

    /// The metadata: as read from the file, else as the client gave them.
    fn describe(&self, findings: Findings, encrypted: Encrypted, now: SystemTime) -> Upload {
        let NewUpload { media, thumbnail } = self.new.clone();
        let Findings { voice, picture } = findings;
        let Encrypted { pointer, sidecar } = encrypted;
        let mime_type = match (media.kind, &picture) {
            (MediaKind::Voice, _) => VOICE_MIME_TYPE.to_owned(),
            (MediaKind::Sticker, Some(picture)) => picture.mime_type.to_owned(),
            (_, Some(picture)) if media.mime_type.is_empty() => picture.mime_type.to_owned(),
            (kind, _) if media.mime_type.is_empty() => usual_mime_type(kind).to_owned(),
            _ => media.mime_type.clone(),
        };
        let pixels = picture.map(|picture| (picture.width, picture.height));
        let pixels = pixels.filter(|pixels| *pixels != (0, 0));
        let pixels = pixels.unwrap_or(media.pixels);
        let seconds = voice.as_ref().map_or(media.seconds, |voice| voice.seconds);
        Upload {
            media: Media {
                mime_type,
                bytes: self.bytes,
                seconds,
                pixels,
                pointer: Some(pointer),
                ..media
            },
            encrypted_bytes: self.encrypted_bytes,
            waveform: voice.map_or_else(Vec::new, |voice| voice.waveform),
            thumbnail,
            sidecar,
            animated: picture.is_some_and(|picture| picture.animated),
            created_at: now,
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.sealed {
            self.uploads.remove_file(self.upload);
            self.uploads.state().receiving.remove(&self.upload);
        }
    }
}

impl Uploads {
    /// Whether the volume has room for `bytes` more bytes, besides those that must stay free.
    pub(super) fn has_space(&self, bytes: u64) -> io::Result<bool> {
        let volume = statvfs(&self.dir)?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        Ok(free >= bytes.saturating_add(self.limits.free_bytes))
    }

    /// Reserves the space of a file that is about to be received.
    fn reserve(&self, upload: u64, bytes: u64) -> Result<(), UploadError> {
        let mut state = self.state();
        if state.stored.len() + state.receiving.len() >= self.limits.files {
            return Err(UploadError::TooMany(self.limits.files));
        }
        if state.bytes().saturating_add(bytes) > self.limits.bytes {
            return Err(UploadError::TooMuch(self.limits.bytes));
        }
        state.receiving.insert(upload, bytes);
        Ok(())
    }

    /// Counts the current size of a file that is being received.
    fn grow(&self, upload: u64, bytes: u64) -> Result<(), UploadError> {
        let mut state = self.state();
        let before = state.receiving.get(&upload).copied().unwrap_or_default();
        let others = state.bytes() - before;
        let bytes = bytes.max(before);
        if others.saturating_add(bytes) > self.limits.bytes {
            return Err(UploadError::TooMuch(self.limits.bytes));
        }
        state.receiving.insert(upload, bytes);
        Ok(())
    }
}

fn create(dir: &Path, upload: u64) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(dir) {
        // Its name is durable before a row refers to what is in it.
        Ok(()) => {
            if let Some(volume) = dir.parent() {
                File::open(volume)?.sync_all()?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(dir.join(file_name(upload)))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

const fn usual_mime_type(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image/jpeg",
        MediaKind::Video | MediaKind::Gif | MediaKind::VideoNote => "video/mp4",
        MediaKind::Audio => "audio/mpeg",
        MediaKind::Voice => VOICE_MIME_TYPE,
        MediaKind::Sticker => "image/webp",
        MediaKind::Document | MediaKind::Unknown => "application/octet-stream",
    }
}

/// A number that is the same for the same file with the same kind, name and MIME type.
fn content(media: &Media) -> u128 {
    let hash = media.pointer.as_ref().map(|pointer| &pointer.sha256[..]);
    let mut hasher = Sha256::new();
    for part in [
        media.kind.name().as_bytes(),
        hash.unwrap_or_default(),
        media.mime_type.as_bytes(),
        media.file_name.as_bytes(),
    ] {
        hasher.update(length(part).to_be_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    let mut bits = [0; 16];
    bits.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(bits)
}

/// Shows only the kind.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.new.fmt(f)
    }
}

/// Has the key, so nothing is shown.
impl std::fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encrypted").finish_non_exhaustive()
    }
}
