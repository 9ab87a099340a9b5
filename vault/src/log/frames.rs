//! Frames read from a log in order: each is verified, and where one does not open, whether it had been durable.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{WINDOW_BYTES, start};
use crate::Error;
use crate::batch::Ops;
use crate::disk::DiskFile;
use crate::frame::{Chain, HEAD_BYTES, Head, Kind, Opener, Subkey, TAG_BYTES};
use crate::header::StoreId;
use crate::index::Place;
use crate::secret::DataKey;

/// Bytes that a search for frames behind damage may look at before it gives up and calls it damage.
const MAX_SEARCH_BYTES: u64 = 256 << 20;
/// What trying to open a frame costs at least, in the same coin.
const TRIAL_BYTES: u64 = 1 << 10;

/// Frames in order, from a place of the file on.
struct Frames {
    at: u64,
    /// What was read of the file, from `start` on.
    window: Zeroizing<Vec<u8>>,
    start: u64,
}

impl Frames {
    fn starting_at(at: u64) -> Self {
        Self {
            at,
            window: Zeroizing::default(),
            start: at,
        }
    }

    /// Where in the window the `length` bytes at `self.at` are, or `None` when the file ends before.
    fn bytes(
        &mut self,
        file: &impl DiskFile,
        end: u64,
        length: usize,
    ) -> io::Result<Option<Range<usize>>> {
        if self.at + length as u64 > end {
            return Ok(None);
        }
        let within = usize::try_from(self.at - self.start).unwrap_or(usize::MAX);
        if within.saturating_add(length) <= self.window.len() {
            return Ok(Some(within..within + length));
        }
        let wanted = (end - self.at).min(length.max(WINDOW_BYTES) as u64);
        let wanted = usize::try_from(wanted).map_err(io::Error::other)?;
        if self.window.capacity() < wanted {
            self.window = Zeroizing::new(Vec::with_capacity(wanted));
        }
        self.window.resize(wanted, 0);
        let read = file.read_at(&mut self.window, self.at)?;
        self.window.truncate(read);
        self.start = self.at;
        Ok((length <= read).then_some(0..length))
    }

    /// The head of the frame at `self.at`, if it makes sense.
    fn head(&mut self, file: &impl DiskFile, end: u64) -> io::Result<Option<Head>> {
        let head = self.bytes(file, end, HEAD_BYTES)?;
        Ok(head.and_then(|head| self.window[head].first_chunk().and_then(Head::parse)))
    }

    /// Where in the window the rest of that frame is, if the file is long enough for it.
    fn rest(
        &mut self,
        file: &impl DiskFile,
        end: u64,
        head: Head,
    ) -> io::Result<Option<Range<usize>>> {
        let frame = self.bytes(file, end, head.frame())?;
        Ok(frame.map(|frame| frame.start + HEAD_BYTES..frame.end))
    }
}

/// A frame that opened.
pub(crate) struct Opened<'a> {
    pub(crate) at: u64,
    pub(crate) kind: Kind,
    /// Up to where the log was durable when it was written, as far as it is known.
    pub(crate) durable: u64,
    /// How many bytes of the plaintext precede its changes.
    pub(crate) skip: usize,
    pub(crate) plain: &'a [u8],
}

impl<'a> Opened<'a> {
    /// The changes in it, each with its place.
    pub(crate) fn ops(
        &self,
    ) -> impl Iterator<Item = Result<(Place, crate::Op<'a>), Error>> + use<'a> {
        let at = self.at;
        let plain = match self.kind {
            Kind::Batch | Kind::Copy => self.plain,
            Kind::Epoch | Kind::End => &[],
        };
        Ops::starting_at(plain, self.skip).map(move |op| {
            let (position, length, op) = op.map_err(|_| Error::Malformed { at })?;
            let place = Place {
                frame: at,
                at: position,
                length,
            };
            Ok((place, op))
        })
    }
}

/// Reads a log from its start, verifying every frame.
pub(crate) struct Reader {
    frames: Frames,
    opener: Opener,
}

impl Reader {
    pub(crate) fn new(data_key: &DataKey, store: StoreId, number: u64) -> Self {
        let chain = start(data_key, store, number);
        Self {
            frames: Frames::starting_at(0),
            opener: Opener::new(data_key, chain),
        }
    }

    /// Where the next frame begins.
    pub(crate) fn at(&self) -> u64 {
        self.frames.at
    }

    /// The next frame before `end`, or `None` where there is none that opens, which is final.
    pub(crate) fn next(
        &mut self,
        file: &impl DiskFile,
        end: u64,
    ) -> io::Result<Option<Opened<'_>>> {
        let at = self.frames.at;
        let Some(head) = self.frames.head(file, end)? else {
            return Ok(None);
        };
        let Some(rest) = self.frames.rest(file, end, head)? else {
            return Ok(None);
        };
        let rest = &mut self.frames.window[rest];
        let Ok(plain) = self.opener.open(head, rest) else {
            return Ok(None);
        };
        let plain: &[u8] = plain;
        self.frames.at = at + head.frame() as u64;
        let (mut durable, mut skip) = (0, 0);
        if head.kind == Kind::Batch {
            // A batch without a distance is nonsense, and is refused where its changes are read.
            let (distance, length) = distance(plain).unwrap_or_default();
            (durable, skip) = (at.saturating_sub(distance), length);
        }
        Ok(Some(Opened {
            at,
            kind: head.kind,
            durable,
            skip,
            plain,
        }))
    }

    /// The current epoch's key.
    pub(super) fn subkey(&self) -> Option<&Arc<Subkey>> {
        self.opener.subkey()
    }

    pub(super) fn chain(&self) -> Chain {
        self.opener.chain()
    }

    /// Whether what does not open at `self.at()` had been durable, by the word of a later frame of the epoch.
    pub(super) fn is_vouched_for(&self, file: &impl DiskFile, end: u64) -> io::Result<bool> {
        let damaged = self.at();
        let mut searched = 0_u64;
        let mut frames = Frames::starting_at(damaged);
        let mended = self.mended(file, end, &mut frames)?;
        frames.at = damaged + 1;
        while frames.at + (HEAD_BYTES + TAG_BYTES) as u64 <= end {
            let at = frames.at;
            searched += 1;
            let mut step = 1;
            if let Some(head) = frames.head(file, end)?
                && self.may_follow(head, at - damaged)
                && let Some(rest) = frames.rest(file, end, head)?
            {
                searched += TRIAL_BYTES + rest.len() as u64;
                // Out of place: the window keeps what the file holds.
                let rest = &frames.window[rest];
                let mended = mended.filter(|(behind, _)| *behind == at);
                let told = [Some(tag_before(file, at)?), mended.map(|(_, tag)| tag)]
                    .into_iter()
                    .flatten()
                    .find_map(|chain| self.distance(&chain, head, rest));
                if let Some(distance) = told {
                    if at.saturating_sub(distance) > damaged {
                        return Ok(true);
                    }
                    step = head.frame() as u64;
                }
            }
            if searched > MAX_SEARCH_BYTES {
                return Ok(true);
            }
            frames.at = at + step;
        }
        Ok(false)
    }

    /// What a frame out of its turn shows, if it is one.
    fn distance(&self, chain: &Chain, head: Head, rest: &[u8]) -> Option<u64> {
        let mut rest = Zeroizing::new(rest.to_vec());
        let plain = self.opener.open_elsewhere(chain, head, &mut rest)?;
        distance(plain).map(|(distance, _)| distance)
    }

    /// If the damage may be in a frame's tag alone: where the frame behind begins, and the tag that it is bound to.
    fn mended(
        &self,
        file: &impl DiskFile,
        end: u64,
        frames: &mut Frames,
    ) -> io::Result<Option<(u64, Chain)>> {
        let Some(head) = frames.head(file, end)? else {
            return Ok(None);
        };
        if head.kind == Kind::Epoch {
            return Ok(None);
        }
        let Some(rest) = frames.rest(file, end, head)? else {
            return Ok(None);
        };
        let tag = self.opener.tag(head, &frames.window[rest]);
        Ok(tag.map(|tag| (frames.at + head.frame() as u64, tag)))
    }

    /// Whether a frame so many bytes behind the damage can be one of this epoch: by chance, hardly any place is.
    fn may_follow(&self, head: Head, behind: u64) -> bool {
        let between = head.counter.checked_sub(self.opener.counter());
        let shortest = (HEAD_BYTES + TAG_BYTES) as u64;
        head.kind == Kind::Batch
            && between
                .is_some_and(|between| between >= 1 && u64::from(between - 1) * shortest <= behind)
    }
}

/// The last bytes before a place: a tag, if a frame ends there.
fn tag_before(file: &impl DiskFile, at: u64) -> io::Result<Chain> {
    let mut chain = [0; TAG_BYTES];
    file.read_at(&mut chain, at.saturating_sub(TAG_BYTES as u64))?;
    Ok(chain)
}

/// A batch's first words: how far back what was durable ends, and the length of saying so.
fn distance(plain: &[u8]) -> Option<(u64, usize)> {
    let mut ops = Ops::new(plain);
    let distance = ops.leading_length()?;
    Some((distance as u64, ops.at()))
}
