//! Files as they lie on a media host: AES-256-CBC under keys that are derived from the media key, then ten bytes of an
//! HMAC-SHA256 over the IV and the ciphertext.
//!
//! A file of the simulator's own is encrypted while it is read, so that a large one costs no memory.

use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use wacore::download::DownloadUtils;
pub(crate) use wacore::download::MediaType;
use wacore::upload::MediaEncryptor;
use wacore_libsignal::crypto::CryptographicHash;

/// Plaintext that is encrypted at once.
const CHUNK: usize = 64 * 1024;
const BLOCK: u64 = 16;
const MAC: u64 = 10;

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

/// What a file says.
#[derive(Clone)]
pub(crate) enum Plain {
    Bytes(Bytes),
    /// So many bytes: 0, 1, … 250, and again from 0.
    Fill(u64),
}

impl Plain {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Fill(size) => *size,
        }
    }

    /// The next bytes from this place on; none at the end.
    fn chunk(&self, at: u64) -> Bytes {
        let rest = self.len().saturating_sub(at);
        let length = usize::try_from(rest).map_or(CHUNK, |rest| rest.min(CHUNK));
        match self {
            Self::Bytes(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                bytes.slice(at..at + length)
            }
            Self::Fill(_) => {
                let first = (at % 251) as u8;
                (0..length)
                    .scan(first, |byte, _| {
                        let now = *byte;
                        *byte = if now == 250 { 0 } else { now + 1 };
                        Some(now)
                    })
                    .collect()
            }
        }
    }
}

/// A file that the simulator has the key of.
pub(crate) struct Made {
    pub(crate) plain: Plain,
    pub(crate) media_key: [u8; 32],
    pub(crate) kind: MediaType,
}

/// What a message says of a file.
pub(crate) struct Hashes {
    pub(crate) sha256: Hash,
    pub(crate) enc_sha256: Hash,
}

/// A file on a host.
#[derive(Clone)]
pub(crate) enum Stored {
    /// As a client has uploaded it; or a picture that is not encrypted.
    Sealed(Bytes),
    Made(Arc<Made>),
}

impl Stored {
    /// In bytes, as it lies on the host.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Sealed(bytes) => bytes.len() as u64,
            Self::Made(made) => (made.plain.len() / BLOCK + 1) * BLOCK + MAC,
        }
    }

    /// Bytes of memory that it takes.
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

    /// The file with another first byte; its MAC is right where the simulator has the key.
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

/// A file as it lies on the host, from its first byte on.
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
    /// Passes over so many bytes.
    pub(crate) fn skip(&mut self, count: u64) -> io::Result<()> {
        match self {
            Self::Sealed(bytes) => bytes.set_position(bytes.position() + count),
            Self::Made(_) => {
                io::copy(&mut self.take(count), &mut io::sink())?;
            }
        }
        Ok(())
    }

    /// At most so many bytes; fewer only at the end.
    pub(crate) fn next(&mut self, most: usize) -> io::Result<Bytes> {
        let mut bytes = Vec::with_capacity(most.min(CHUNK));
        self.take(most.min(CHUNK) as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// A file that is encrypted while it is read.
pub(crate) struct Sealing {
    made: Arc<Made>,
    /// How far the plaintext has been read.
    at: u64,
    another: bool,
    /// Gone once the MAC is written.
    encryptor: Option<MediaEncryptor>,
    ready: Vec<u8>,
    taken: usize,
}

impl Sealing {
    fn new(made: Arc<Made>, another: bool) -> io::Result<Self> {
        let encryptor = MediaEncryptor::with_key(made.media_key, made.kind).map_err(invalid)?;
        Ok(Self {
            made,
            at: 0,
            another,
            encryptor: Some(encryptor),
            ready: Vec::new(),
            taken: 0,
        })
    }

    fn refill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.taken = 0;
        let chunk = self.made.plain.chunk(self.at);
        let Some(mut encryptor) = self.encryptor.take() else {
            return Ok(());
        };
        if chunk.is_empty() {
            encryptor.finalize(&mut self.ready).map_err(invalid)?;
            return Ok(());
        }
        if self.another && self.at == 0 {
            let mut chunk = chunk.to_vec();
            chunk[0] ^= 1;
            encryptor.update(&chunk, &mut self.ready);
        } else {
            encryptor.update(&chunk, &mut self.ready);
        }
        self.at += chunk.len() as u64;
        self.encryptor = Some(encryptor);
        Ok(())
    }
}

impl Read for Sealing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() && self.encryptor.is_some() {
            self.refill()?;
        }
        let rest = &self.ready[self.taken..];
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

impl Made {
    /// The hashes over the whole file: it is encrypted once to find them.
    pub(crate) fn hashes(&self) -> io::Result<Hashes> {
        let mut encryptor = MediaEncryptor::with_key(self.media_key, self.kind).map_err(invalid)?;
        let mut at = 0;
        loop {
            let chunk = self.plain.chunk(at);
            if chunk.is_empty() {
                break;
            }
            at += chunk.len() as u64;
            encryptor.update_to_writer(&chunk, &mut io::sink())?;
        }
        let info = encryptor
            .finalize_to_writer(&mut io::sink())
            .map_err(invalid)?;
        Ok(Hashes {
            sha256: info.file_sha256,
            enc_sha256: info.file_enc_sha256,
        })
    }
}

/// What a reader of a file finds.
pub(crate) struct Opened {
    pub(crate) sha256: Hash,
    pub(crate) size: u64,
}

/// Decrypts a file and checks its MAC; the plaintext is written to `into`.
pub(crate) fn open(
    stored: &Stored,
    media_key: &[u8],
    kind: MediaType,
    into: &mut impl Write,
) -> Result<Opened, String> {
    let reader = stored.reader().map_err(|error| error.to_string())?;
    let mut hashing = Hashing(Sha256::new(), into);
    let size = DownloadUtils::decrypt_stream_to_writer(reader, media_key, kind, &mut hashing)
        .map_err(|error| error.to_string())?;
    Ok(Opened {
        sha256: hashing.0.finish(),
        size,
    })
}

struct Sha256(CryptographicHash);

impl Sha256 {
    fn new() -> Self {
        Self(CryptographicHash::new("SHA-256").expect("it is one of the two that there are"))
    }

    fn finish(&mut self) -> Hash {
        let hash = self.0.finalize_sha256_array();
        hash.expect("a SHA-256 is 32 bytes")
    }
}

struct Hashing<W>(Sha256, W);

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.update(bytes);
        self.1.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
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

    /// From `openssl kdf -kdfopt info:"WhatsApp Image Keys" HKDF`, `openssl enc -aes-256-cbc` and `openssl dgst -mac HMAC`.
    #[test]
    fn a_file_is_encrypted_as_openssl_does_it() {
        let stored = made(Plain::Bytes(Bytes::from_static(b"a tide table")));
        let sealed = read(stored.reader().expect("a reader"));
        assert_eq!(HEXLOWER.encode(&sealed), VECTOR);
        assert_eq!(sealed.len() as u64, stored.len());
    }

    const VECTOR: &str = "81128838fdf32dd4240c02d1d140da173c8808204020db1bf9eb";

    #[test]
    fn a_large_file_is_made_while_it_is_read_and_opens() {
        let size = 3 * CHUNK as u64 + 5;
        let stored = made(Plain::Fill(size));
        assert_eq!(stored.cost(), 0);
        let Stored::Made(file) = &stored else {
            unreachable!("made above")
        };
        let hashes = file.hashes().expect("hashes");
        let sealed = read(stored.reader().expect("a reader"));
        assert_eq!(sealed.len() as u64, stored.len());
        assert_eq!(sha256(&sealed), hashes.enc_sha256);
        let mut plain = Vec::new();
        let opened = open(&stored, &[7; 32], MediaType::Image, &mut plain).expect("opens");
        assert_eq!((opened.size, opened.sha256), (size, hashes.sha256));
        assert!(
            plain
                .iter()
                .zip(0u64..)
                .all(|(byte, at)| u64::from(*byte) == at % 251)
        );
        let mut from = stored.reader().expect("a reader");
        from.skip(70_000).expect("skipped");
        assert_eq!(read(from), &sealed[70_000..]);
    }

    #[test]
    fn another_file_under_the_same_key_has_a_right_mac_and_another_hash() {
        let stored = made(Plain::Fill(100));
        let other = read(stored.reader_of_another().expect("a reader"));
        let other = Stored::Sealed(other.into());
        let opened = open(&other, &[7; 32], MediaType::Image, &mut io::sink()).expect("opens");
        let right = open(&stored, &[7; 32], MediaType::Image, &mut io::sink()).expect("opens");
        assert_ne!(opened.sha256, right.sha256);
        assert!(open(&stored, &[8; 32], MediaType::Image, &mut io::sink()).is_err());
        assert!(open(&stored, &[7; 32], MediaType::Audio, &mut io::sink()).is_err());
    }
}
