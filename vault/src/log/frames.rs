//! Reads the frames of a log in order and verifies each. If one does not open, decides whether it had been durable.

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

/// The limit on bytes that the search for frames after damage examines. Beyond it the log counts as damaged.
const MAX_SEARCH_BYTES: u64 = 256 << 20;
/// The minimum cost of trying to open a frame, on the same scale.
const TRIAL_BYTES: u64 = 1 << 10;

/// Frames in order, from an offset of the file.
struct Frames {
    at: u64,
    /// The bytes of the file from `start`.
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

    /// The range in the window of `length` bytes at `self.at`, or `None` if the file ends before.
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

    /// The head of the frame at `self.at`, if it is valid.
    fn head(&mut self, file: &impl DiskFile, end: u64) -> io::Result<Option<Head>> {
        let head = self.bytes(file, end, HEAD_BYTES)?;
        Ok(head.and_then(|head| self.window[head].first_chunk().and_then(Head::parse)))
    }

    /// The range in the window of that frame's body and tag, if the file is long enough.
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

/// An opened frame.
pub(crate) struct Opened<'a> {
    pub(crate) at: u64,
    pub(crate) kind: Kind,
    /// The end of the bytes that were durable when the frame was written, as far as the frame proves.
    pub(crate) durable: u64,
    /// How many bytes of the plaintext precede the changes.
    pub(crate) skip: usize,
    pub(crate) plain: &'a [u8],
}

impl<'a> Opened<'a> {
    /// The changes with their positions.
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

/// Reads a log from the start and verifies every frame.
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

    /// The offset of the next frame.
    pub(crate) fn at(&self) -> u64 {
        self.frames.at
    }

    /// The next frame before `end`, or `None` if no valid frame is there. After `None` the reader is finished.
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
            // A batch without a distance is malformed; decoding its changes reports that.
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

    /// The key of the current epoch.
    pub(super) fn subkey(&self) -> Option<&Arc<Subkey>> {
        self.opener.subkey()
    }

    pub(super) fn chain(&self) -> Chain {
        self.opener.chain()
    }

    /// True if a later frame of the epoch proves that the invalid frame at `self.at()` had been durable.
    pub(super) fn is_proven_durable(&self, file: &impl DiskFile, end: u64) -> io::Result<bool> {
        let damaged = self.at();
        let mut searched = 0_u64;
        let mut frames = Frames::starting_at(damaged);
        let repaired = self.repaired(file, end, &mut frames)?;
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
                // Decrypts a copy: the window must keep the bytes of the file.
                let rest = &frames.window[rest];
                let repaired = repaired.filter(|(next, _)| *next == at);
                let distance = [Some(tag_before(file, at)?), repaired.map(|(_, tag)| tag)]
                    .into_iter()
                    .flatten()
                    .find_map(|chain| self.distance(&chain, head, rest));
                if let Some(distance) = distance {
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

    /// The distance in a frame that is opened out of order, if it is authentic.
    fn distance(&self, chain: &Chain, head: Head, rest: &[u8]) -> Option<u64> {
        let mut rest = Zeroizing::new(rest.to_vec());
        let plain = self.opener.open_elsewhere(chain, head, &mut rest)?;
        distance(plain).map(|(distance, _)| distance)
    }

    /// For the case that only a frame's tag is damaged: the offset of the next frame, and the tag that it is bound
    /// to.
    fn repaired(
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

    /// A cheap check whether a frame so many bytes after the damage can belong to this epoch: random bytes rarely
    /// pass.
    fn may_follow(&self, head: Head, distance: u64) -> bool {
        let between = head.counter.checked_sub(self.opener.counter());
        let shortest = (HEAD_BYTES + TAG_BYTES) as u64;
        head.kind == Kind::Batch
            && between.is_some_and(|between| {
                between >= 1 && u64::from(between - 1) * shortest <= distance
            })
    }
}

/// The bytes before an offset: the tag, if a frame ends there.
fn tag_before(file: &impl DiskFile, at: u64) -> io::Result<Chain> {
    let mut chain = [0; TAG_BYTES];
    file.read_at(&mut chain, at.saturating_sub(TAG_BYTES as u64))?;
    Ok(chain)
}

/// The start of a batch: the distance back to the end of the durable bytes, and its encoded length.
fn distance(plain: &[u8]) -> Option<(u64, usize)> {
    let mut ops = Ops::new(plain);
    let distance = ops.leading_length()?;
    Some((distance as u64, ops.at()))
}
