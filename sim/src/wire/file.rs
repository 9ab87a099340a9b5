//! Encrypted files, as stored on a media host: AES-256-CBC with keys that are derived from the media key, then the
//! first ten bytes of an HMAC-SHA256 over the IV and the ciphertext.
//!
//! A file that the simulator makes is encrypted while it is read, so that a large one uses no memory.

use std::io::{self, Cursor, Read};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use wacore::download::DownloadUtils;
pub(crate) use wacore::download::MediaType;
use wacore_libsignal::crypto::{CryptographicHash, CryptographicMac, aes_256_cbc_encrypt_into};

/// Bytes of plaintext that are encrypted at a time: whole blocks.
const CHUNK: usize = 64 * 1024;
/// The content of a generated file repeats after this many bytes.
const CYCLE: usize = 251;
/// A repeating pattern, long enough for a chunk that starts at any byte of the cycle.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
    let bytes = (0..CHUNK + CYCLE).map(|at| u8::try_from(at % CYCLE).unwrap_or(0));
    bytes.collect()
});
const BLOCK: usize = 16;
const MAC: usize = 10;

pub(crate) type Hash = [u8; 32];

/// The name of a file in the addresses of uploads and downloads.
pub(crate) fn token(enc_sha256: &[u8]) -> String {
    BASE64URL_NOPAD.encode(enc_sha256)
}

pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.0.update(bytes);
    hasher.finish()
}

struct Sha256(CryptographicHash);

impl Sha256 {
    fn new() -> Self {
        Self(CryptographicHash::new("SHA-256").expect("SHA-256 is supported"))
    }

    fn finish(&mut self) -> Hash {
        let hash = self.0.finalize_sha256_array();
        hash.expect("a SHA-256 is 32 bytes")
    }
}

/// The plaintext of a file.
#[derive(Clone)]
pub(crate) enum Plain {
    Bytes(Bytes),
    /// This many bytes: 0, 1, … 250, repeated.
    Fill(u64),
}

impl Plain {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Fill(size) => *size,
        }
    }

    /// The next bytes from this offset; empty at the end.
    fn chunk(&self, at: u64) -> Bytes {
        let rest = self.len().saturating_sub(at);
        let length = usize::try_from(rest).map_or(CHUNK, |rest| rest.min(CHUNK));
        match self {
            Self::Bytes(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                bytes.slice(at..at + length)
            }
            Self::Fill(_) => {
                let first = usize::try_from(at % CYCLE as u64).unwrap_or(0);
                PATTERN.slice(first..first + length)
            }
        }
    }
}

/// A file for which the simulator has the key.
pub(crate) struct Made {
    pub(crate) plain: Plain,
    pub(crate) media_key: [u8; 32],
    pub(crate) kind: MediaType,
}

/// The hashes of a file, as a message contains them.
pub(crate) struct Hashes {
    pub(crate) sha256: Hash,
    pub(crate) enc_sha256: Hash,
}

/// A file on a host.
#[derive(Clone)]
pub(crate) enum Stored {
    /// As uploaded by a client; or a picture that is not encrypted.
    Sealed(Bytes),
    Made(Arc<Made>),
}

impl Stored {
    /// The size in bytes, as stored on the host.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Sealed(bytes) => bytes.len() as u64,
            Self::Made(made) => {
                let (block, mac) = (BLOCK as u64, MAC as u64);
                (made.plain.len() / block + 1) * block + mac
            }
        }
    }

    /// The bytes of memory that it uses.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Sealed(bytes) => bytes.len(),
            Self::Made(made) => match &made.plain {
                Plain::Bytes(bytes) => bytes.len(),
                Plain::Fill(_) => 0,
            },
        }
    }

    pub(crate) fn reader(&self) -> io::Result<Reader> {
        self.reader_of(false)
    }

    /// The file with a different first byte; its MAC is valid if the simulator has the key.
    pub(crate) fn reader_of_another(&self) -> io::Result<Reader> {
        self.reader_of(true)
    }

    fn reader_of(&self, another: bool) -> io::Result<Reader> {
        Ok(match self {
            Self::Sealed(bytes) if another => {
                let mut bytes = bytes.to_vec();
                if let Some(first) = bytes.first_mut() {
                    *first ^= 1;
                }
                Reader::Sealed(Cursor::new(bytes.into()))
            }
            Self::Sealed(bytes) => Reader::Sealed(Cursor::new(bytes.clone())),
            Self::Made(made) => Reader::Made(Box::new(Sealing::new(Arc::clone(made), another)?)),
        })
    }
}

/// Reads a stored file from its first byte.
pub(crate) enum Reader {
    Sealed(Cursor<Bytes>),
    Made(Box<Sealing>),
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Sealed(bytes) => bytes.read(into),
            Self::Made(sealing) => sealing.read(into),
        }
    }
}

impl Reader {
    /// Skips this many bytes.
    pub(crate) fn skip(&mut self, count: u64) -> io::Result<()> {
        match self {
            Self::Sealed(bytes) => bytes.set_position(bytes.position() + count),
            Self::Made(_) => {
                io::copy(&mut self.take(count), &mut io::sink())?;
            }
        }
        Ok(())
    }

    /// Reads at most this many bytes; fewer only at the end.
    pub(crate) fn next(&mut self, most: usize) -> io::Result<Bytes> {
        let mut bytes = Vec::with_capacity(most.min(CHUNK));
        self.take(most.min(CHUNK) as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// A file that is encrypted while it is read.
pub(crate) struct Sealing {
    made: Arc<Made>,
    /// The offset in the plaintext.
    at: u64,
    another: bool,
    encryptor: Encryptor,
    done: bool,
    ready: Vec<u8>,
    taken: usize,
}

impl Sealing {
    fn new(made: Arc<Made>, another: bool) -> io::Result<Self> {
        let encryptor = Encryptor::new(&made)?;
        Ok(Self {
            made,
            at: 0,
            another,
            encryptor,
            done: false,
            ready: Vec::with_capacity(CHUNK + BLOCK + MAC),
            taken: 0,
        })
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        let mut chunk = self.made.plain.chunk(self.at);
        if self.another && self.at == 0 && !chunk.is_empty() {
            let mut other = chunk.to_vec();
            other[0] ^= 1;
            chunk = other.into();
        }
        self.at += chunk.len() as u64;
        self.done = chunk.len() < CHUNK;
        self.encryptor.encrypt(&chunk, self.done, &mut self.ready)
    }
}

impl Read for Sealing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() && !self.done {
            self.refill()?;
        }
        let rest = &self.ready[self.taken..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

/// `ciphertext || HMAC(mac key, IV || ciphertext)[..10]`.
struct Encryptor {
    key: [u8; 32],
    /// The last block of ciphertext; at first the IV.
    chain: [u8; BLOCK],
    mac: CryptographicMac,
}

impl Encryptor {
    fn new(made: &Made) -> io::Result<Self> {
        let keys = DownloadUtils::get_media_keys(&made.media_key, made.kind);
        let (iv, key, mac_key) = keys.map_err(invalid)?;
        let mut mac = CryptographicMac::new("HmacSha256", &mac_key).map_err(invalid)?;
        mac.update(&iv);
        Ok(Self {
            key,
            chain: iv,
            mac,
        })
    }

    /// Encrypts the next piece: whole blocks, or the last piece, with padding and MAC.
    fn encrypt(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) -> io::Result<()> {
        let from = out.len();
        aes_256_cbc_encrypt_into(piece, &self.key, &self.chain, out).map_err(invalid)?;
        if !last {
            // Only the last piece is padded.
            out.truncate(from + piece.len());
        }
        let sealed = &out[from..];
        self.mac.update(sealed);
        if let Some(block) = sealed.last_chunk() {
            self.chain = *block;
        }
        if last {
            let mac = self.mac.finalize_sha256_array().map_err(invalid)?;
            out.extend_from_slice(&mac[..MAC]);
        }
        Ok(())
    }
}

impl Made {
    /// The hashes over the whole file, computed by encrypting it once.
    pub(crate) fn hashes(self: &Arc<Self>) -> io::Result<Hashes> {
        let mut sealed = Sha256::new();
        let mut sealing = Sealing::new(Arc::clone(self), false)?;
        while !sealing.done {
            sealing.refill()?;
            sealed.0.update(&sealing.ready);
        }
        Ok(Hashes {
            sha256: self.sha256(),
            enc_sha256: sealed.finish(),
        })
    }

    /// SHA-256 of the plaintext.
    fn sha256(&self) -> Hash {
        let mut hasher = Sha256::new();
        let mut at = 0;
        loop {
            let chunk = self.plain.chunk(at);
            if chunk.is_empty() {
                return hasher.finish();
            }
            at += chunk.len() as u64;
            hasher.0.update(&chunk);
        }
    }
}

/// The hash and the size of a decrypted file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) sha256: Hash,
    pub(crate) size: u64,
}

/// Decrypts a file and checks its MAC.
pub(crate) fn open(stored: &Stored, media_key: &[u8], kind: MediaType) -> Result<Opened, String> {
    match stored {
        // A file that the simulator has encrypted can be decrypted only with the same key and kind.
        Stored::Made(made)
            if made.media_key == media_key && made.kind.app_info() == kind.app_info() =>
        {
            Ok(Opened {
                sha256: made.sha256(),
                size: made.plain.len(),
            })
        }
        Stored::Made(_) => Err("invalid MAC signature".to_owned()),
        Stored::Sealed(bytes) => {
            let mut plain = bytes.to_vec();
            DownloadUtils::verify_and_decrypt_in_place(&mut plain, media_key, kind)
                .map_err(|error| error.to_string())?;
            Ok(Opened {
                sha256: sha256(&plain),
                size: plain.len() as u64,
            })
        }
    }
}

fn invalid<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn made(plain: Plain) -> Stored {
        Stored::Made(Arc::new(Made {
            plain,
            media_key: [7; 32],
            kind: MediaType::Image,
        }))
    }

    fn read(mut reader: Reader) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("read");
        bytes
    }

    /// From `openssl kdf -kdfopt info:"WhatsApp Image Keys" HKDF`, `openssl enc -aes-256-cbc` and `openssl dgst -mac
    /// HMAC`.
    #[test]
    fn a_file_is_encrypted_as_by_openssl() {
        let stored = made(Plain::Bytes(Bytes::from_static(b"a tide table")));
        let sealed = read(stored.reader().expect("a reader"));
        assert_eq!(HEXLOWER.encode(&sealed), VECTOR);
        assert_eq!(sealed.len() as u64, stored.len());
    }

    const VECTOR: &str = "81128838fdf32dd4240c02d1d140da173c8808204020db1bf9eb";

    #[test]
    fn a_large_file_is_encrypted_while_it_is_read() {
        for size in [3 * CHUNK as u64 + 5, 2 * CHUNK as u64, 16, 0] {
            let stored = made(Plain::Fill(size));
            assert_eq!(stored.cost(), 0);
            let Stored::Made(file) = &stored else {
                unreachable!("made above")
            };
            let hashes = file.hashes().expect("hashes");
            let sealed = read(stored.reader().expect("a reader"));
            assert_eq!(sealed.len() as u64, stored.len());
            assert_eq!(sha256(&sealed), hashes.enc_sha256);
            let plain = DownloadUtils::decrypt_stream(&sealed[..], &[7; 32], MediaType::Image);
            let plain = plain.expect("opens");
            assert!(
                plain
                    .iter()
                    .zip(0u64..)
                    .all(|(byte, at)| u64::from(*byte) == at % 251)
            );
            assert_eq!((plain.len() as u64, sha256(&plain)), (size, hashes.sha256));
            let mut from = stored.reader().expect("a reader");
            let middle = sealed.len() / 2;
            from.skip(middle as u64).expect("skipped");
            assert_eq!(read(from), &sealed[middle..]);
        }
    }

    #[test]
    fn a_file_decrypts_only_with_its_key_and_kind() {
        let stored = made(Plain::Fill(100));
        let uploaded = Stored::Sealed(read(stored.reader().expect("a reader")).into());
        for stored in [&stored, &uploaded] {
            let opened = open(stored, &[7; 32], MediaType::Sticker).expect("decrypts as an image");
            assert_eq!(opened.size, 100);
            assert!(open(stored, &[8; 32], MediaType::Image).is_err());
            assert!(open(stored, &[7; 32], MediaType::Audio).is_err());
        }
    }

    #[test]
    fn another_file_with_the_same_key_has_a_valid_mac_and_another_hash() {
        let stored = made(Plain::Fill(100));
        let other = read(stored.reader_of_another().expect("a reader"));
        let opened = open(&Stored::Sealed(other.into()), &[7; 32], MediaType::Image);
        let right = open(&stored, &[7; 32], MediaType::Image);
        assert_ne!(opened.expect("opens").sha256, right.expect("opens").sha256);
    }
}
