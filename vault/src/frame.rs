//! Sealed frames. Each is bound to its predecessor.
//!
//! ```text
//! frame   = kind(1) length(4, LE) counter(4, LE) body(length) tag(16)
//! sealed  = ChaCha20-Poly1305(subkey, nonce = counter, aad = previous tag | kind length counter [| salt])
//! EPOCH   body = salt(32) sealed payload, counter 0; subkey = HKDF-SHA256(data key, salt, "openclaw/vault/v1 epoch")
//! BATCH   body = sealed distance, changes         distance back to the end of the durable bytes, LEB128
//! COPY    body = sealed changes                   written by compaction, rotation, restore, backup
//! END     body = sealed records(8, LE)            closes a backup
//! ```
//!
//! A subkey is used for one opening of the vault, so a counter is never used twice with it.

use crate::secret::{DataKey, Key32, NoRandom, derive, random};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// Bytes of a frame before the body.
pub(crate) const HEAD_BYTES: usize = 9;
/// Bytes of a frame after the body.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of an epoch's salt.
pub(crate) const SALT_BYTES: usize = 32;
/// The maximum length of a body, and so the memory that a reader needs.
pub const MAX_BODY_BYTES: usize = 16 << 20;

const EPOCH_INFO: &[u8] = b"openclaw/vault/v1 epoch";

/// The tag of the previous frame, or [`crate::log::start`] for the first one.
pub(crate) type Chain = [u8; TAG_BYTES];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Epoch = 1,
    Batch = 2,
    Copy = 3,
    End = 4,
}

/// A frame's header: what precedes the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) length: usize,
    pub(crate) counter: u32,
}

impl Head {
    pub(crate) fn parse(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let [kind, l0, l1, l2, l3, c0, c1, c2, c3] = *bytes;
        let kind = match kind {
            1 => Kind::Epoch,
            2 => Kind::Batch,
            3 => Kind::Copy,
            4 => Kind::End,
            _ => return None,
        };
        let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
        let shortest = if kind == Kind::Epoch { SALT_BYTES } else { 0 };
        let head = Self {
            kind,
            length,
            counter: u32::from_le_bytes([c0, c1, c2, c3]),
        };
        (length >= shortest && length <= MAX_BODY_BYTES).then_some(head)
    }

    fn bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.kind as u8;
        let length = u32::try_from(self.length).expect("checked against MAX_BODY, which fits");
        bytes[1..5].copy_from_slice(&length.to_le_bytes());
        bytes[5..].copy_from_slice(&self.counter.to_le_bytes());
        bytes
    }

    /// The length of the whole frame.
    pub(crate) fn frame(self) -> usize {
        HEAD_BYTES + self.length + TAG_BYTES
    }
}

/// The key of an epoch. On the heap, where the allocator wipes it when it is freed.
pub(crate) struct Subkey(Box<LessSafeKey>);

impl Subkey {
    pub(crate) fn derive(data_key: &[u8; 32], salt: &[u8]) -> Self {
        Self::new(&derive(data_key, salt, EPOCH_INFO))
    }

    fn new(key: &Key32) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.bytes())
            .expect("the key has the algorithm's length");
        Self(Box::new(LessSafeKey::new(key)))
    }

    /// Opens a body and tag in place. The first `clear` bytes are only authenticated.
    pub(crate) fn open<'a>(
        &self,
        chain: &Chain,
        head: Head,
        rest: &'a mut [u8],
        clear: usize,
    ) -> Option<&'a mut [u8]> {
        if rest.len() != head.length + TAG_BYTES {
            return None;
        }
        let (clear, sealed) = rest.split_at_mut_checked(clear)?;
        let aad = Aad::from(associated(chain, head, clear));
        self.0.open_in_place(nonce(head.counter), aad, sealed).ok()
    }

    /// Computes the correct tag for a body, and ignores the tag that it has.
    fn tag(&self, chain: &Chain, head: Head, rest: &[u8]) -> Option<Chain> {
        let mut body = zeroize::Zeroizing::new(rest.get(..head.length)?.to_vec());
        // The cipher is a stream cipher: sealing the ciphertext decrypts it, and sealing that again yields the tag.
        let mut tag = [0; TAG_BYTES];
        for _ in 0..2 {
            let aad = Aad::from(associated(chain, head, &[]));
            let sealed = self
                .0
                .seal_in_place_separate_tag(nonce(head.counter), aad, &mut body);
            tag.copy_from_slice(sealed.ok()?.as_ref());
        }
        Some(tag)
    }

    /// Appends a sealed frame to `out`. Returns its tag, to which the next frame is bound.
    fn seal(
        &self,
        chain: &Chain,
        kind: Kind,
        counter: u32,
        clear: &[u8],
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Chain {
        let head = Head {
            kind,
            length: clear.len() + plain.len(),
            counter,
        };
        out.reserve(head.frame());
        out.extend_from_slice(&head.bytes());
        out.extend_from_slice(clear);
        let body = out.len();
        out.extend_from_slice(plain);
        let aad = Aad::from(associated(chain, head, clear));
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(counter), aad, &mut out[body..])
            .expect("a frame is shorter than the algorithm's limit");
        out.extend_from_slice(tag.as_ref());
        let mut chain = [0; TAG_BYTES];
        chain.copy_from_slice(tag.as_ref());
        chain
    }
}

fn nonce(counter: u32) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn associated(
    chain: &Chain,
    head: Head,
    clear: &[u8],
) -> [u8; TAG_BYTES + HEAD_BYTES + SALT_BYTES] {
    let mut associated = [0; TAG_BYTES + HEAD_BYTES + SALT_BYTES];
    associated[..TAG_BYTES].copy_from_slice(chain);
    associated[TAG_BYTES..TAG_BYTES + HEAD_BYTES].copy_from_slice(&head.bytes());
    associated[TAG_BYTES + HEAD_BYTES..][..clear.len()].copy_from_slice(clear);
    associated
}

/// Seals the frames of one epoch, in order.
pub(crate) struct Sealer {
    subkey: std::sync::Arc<Subkey>,
    counter: u32,
    chain: Chain,
}

impl Sealer {
    /// Starts an epoch: appends its frame to `out`.
    pub(crate) fn begin(
        data_key: &[u8; 32],
        chain: &Chain,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Self, NoRandom> {
        let mut salt = [0; SALT_BYTES];
        random(&mut salt)?;
        let subkey = Subkey::derive(data_key, &salt);
        let chain = subkey.seal(chain, Kind::Epoch, 0, &salt, payload, out);
        Ok(Self {
            subkey: std::sync::Arc::new(subkey),
            counter: 0,
            chain,
        })
    }

    /// Appends a sealed frame to `out`. `None` once the counter is exhausted, after 2^32 frames.
    pub(crate) fn seal(&mut self, kind: Kind, plain: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.counter = self.counter.checked_add(1)?;
        self.chain = self
            .subkey
            .seal(&self.chain, kind, self.counter, &[], plain, out);
        Some(())
    }

    pub(crate) fn subkey(&self) -> std::sync::Arc<Subkey> {
        std::sync::Arc::clone(&self.subkey)
    }

    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }
}

/// Opens frames in order, across epochs.
pub(crate) struct Opener {
    data_key: DataKey,
    subkey: Option<std::sync::Arc<Subkey>>,
    counter: u32,
    chain: Chain,
}

/// The frame is not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl Opener {
    pub(crate) fn new(data_key: &DataKey, chain: Chain) -> Self {
        Self {
            data_key: DataKey::clone(data_key),
            subkey: None,
            counter: 0,
            chain,
        }
    }

    /// Opens the next frame in place: `rest` is its body and tag. If it does not open, the state is unchanged.
    pub(crate) fn open<'a>(
        &mut self,
        head: Head,
        rest: &'a mut [u8],
    ) -> Result<&'a mut [u8], Refused> {
        let tag = *rest.last_chunk::<TAG_BYTES>().ok_or(Refused)?;
        let plain = if head.kind == Kind::Epoch {
            let salt = rest.get(..SALT_BYTES).ok_or(Refused)?;
            let subkey = Subkey::derive(&self.data_key, salt);
            if head.counter != 0 {
                return Err(Refused);
            }
            let plain = subkey
                .open(&self.chain, head, rest, SALT_BYTES)
                .ok_or(Refused)?;
            self.subkey = Some(std::sync::Arc::new(subkey));
            plain
        } else {
            let subkey = self.subkey.as_deref().ok_or(Refused)?;
            if self.counter.checked_add(1) != Some(head.counter) {
                return Err(Refused);
            }
            subkey.open(&self.chain, head, rest, 0).ok_or(Refused)?
        };
        self.counter = head.counter;
        self.chain = tag;
        Ok(plain)
    }

    /// The key of the current epoch.
    pub(crate) fn subkey(&self) -> Option<&std::sync::Arc<Subkey>> {
        self.subkey.as_ref()
    }

    pub(crate) fn chain(&self) -> Chain {
        self.chain
    }

    /// The counter of the last frame.
    pub(crate) fn counter(&self) -> u32 {
        self.counter
    }

    /// Computes the correct tag of the next frame, for the case that only its stored tag is damaged.
    pub(crate) fn tag(&self, head: Head, rest: &[u8]) -> Option<Chain> {
        self.subkey.as_deref()?.tag(&self.chain, head, rest)
    }

    /// Opens a frame of the current epoch out of order, with any counter.
    pub(crate) fn open_elsewhere<'a>(
        &self,
        chain: &Chain,
        head: Head,
        rest: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        self.subkey.as_deref()?.open(chain, head, rest, 0)
    }
}
