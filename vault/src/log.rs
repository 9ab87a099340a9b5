//! The log's file: frames read in order, judged, and appended.
//!
//! A frame that does not open ends the log there if it can be the torn end of a crash, and is damage otherwise. It is
//! damage if the header, or a later frame that opens, says that this place had been durable.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::batch::{Ops, write_length};
use crate::disk::DiskFile;
use crate::epoch::History;
use crate::frame::{Chain, HEAD, Head, Kind, MAX_BODY, Opener, Sealer, Subkey, TAG};
use crate::header::StoreId;
use crate::index::{MAX_OFFSET, Place};
use crate::secret::{DataKey, NoRandom, derive};
use crate::{Batch, Error};

/// What is read at once.
const WINDOW: usize = 256 << 10;
/// Bytes that a search for frames behind damage may check before it gives up and calls it damage.
const SEARCH: usize = 1 << 30;

const START_INFO: &[u8] = b"openclaw/vault/v1 log";

/// What stands for the tag before a log's first frame: it binds the log to its store, its number and its key.
pub(crate) fn start(data_key: &[u8; 32], store: StoreId, number: u64) -> Chain {
    let mut salt = [0; 24];
    salt[..16].copy_from_slice(&store.0);
    salt[16..].copy_from_slice(&number.to_le_bytes());
    let derived = derive(data_key, &salt, START_INFO);
    *derived.first_chunk().expect("32 bytes hold 16")
}

pub(crate) fn name(number: u64) -> String {
    format!("vault-{number}.log")
}

/// The number in a log's name.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("vault-")?.strip_suffix(".log")?;
    digits.parse().ok()
}

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
        let wanted = (end - self.at).min(length.max(WINDOW) as u64);
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

    /// The head of the frame at `self.at` and where in the window the rest of it is, if the head makes sense and the
    /// file is long enough for it.
    fn raw(&mut self, file: &impl DiskFile, end: u64) -> io::Result<Option<(Head, Range<usize>)>> {
        let Some(head) = self.bytes(file, end, HEAD)? else {
            return Ok(None);
        };
        let Some(head) = self.window[head].first_chunk().and_then(Head::parse) else {
            return Ok(None);
        };
        let frame = self.bytes(file, end, head.frame())?;
        Ok(frame.map(|frame| (head, frame.start + HEAD..frame.end)))
    }
}

/// A frame that opened.
pub(crate) struct Opened<'a> {
    pub(crate) at: u64,
    pub(crate) kind: Kind,
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
        let Some((head, rest)) = self.frames.raw(file, end)? else {
            return Ok(None);
        };
        let rest = &mut self.frames.window[rest];
        let Ok(plain) = self.opener.open(head, rest) else {
            return Ok(None);
        };
        let plain: &[u8] = plain;
        let skip = match head.kind {
            Kind::Batch => distance(plain).map_or(plain.len(), |(_, skip)| skip),
            _ => 0,
        };
        self.frames.at = at + head.frame() as u64;
        Ok(Some(Opened {
            at,
            kind: head.kind,
            skip,
            plain,
        }))
    }

    /// Whether what does not open at `self.at()` had been durable, by the word of a later frame of the epoch.
    fn is_vouched_for(&self, file: &impl DiskFile, end: u64) -> io::Result<bool> {
        let damaged = self.at();
        let mut searched = 0_usize;
        let mut frames = Frames::starting_at(damaged + 1);
        while frames.at + HEAD as u64 + TAG as u64 <= end {
            let at = frames.at;
            if let Some((head, rest)) = frames.raw(file, end)? {
                searched = searched.saturating_add(rest.len());
                if searched > SEARCH {
                    return Ok(true);
                }
                if head.kind != Kind::Batch {
                    frames.at = at + 1;
                    continue;
                }
                // Out of place: the window keeps what the file holds.
                let mut rest = Zeroizing::new(frames.window[rest].to_vec());
                let mut chain = [0; TAG];
                let chained = at >= TAG as u64 && file.read_at(&mut chain, at - TAG as u64)? == TAG;
                let opened = self.opener.open_elsewhere(&chain, head, &mut rest);
                if chained
                    && let Some(plain) = opened
                    && let Some((distance, _)) = distance(plain)
                    && at - (distance as u64).min(at) > damaged
                {
                    return Ok(true);
                }
            }
            frames.at = at + 1;
        }
        Ok(false)
    }
}

/// A batch's first words: how far back what was durable ends, and the length of saying so.
fn distance(plain: &[u8]) -> Option<(usize, usize)> {
    let mut ops = Ops::new(plain);
    let distance = ops.leading_length()?;
    let mut spelled = Vec::with_capacity(5);
    write_length(&mut spelled, distance);
    Some((distance, spelled.len()))
}

/// Where an epoch begins, and its key.
struct Stretch {
    from: u64,
    subkey: Arc<Subkey>,
}

/// What reading a whole log told.
pub(crate) struct Recovered {
    pub(crate) history: History,
    /// Where its last good frame ends.
    pub(crate) end: u64,
    chain: Chain,
    stretches: Vec<Stretch>,
}

/// Reads a log to its end, showing each frame that opened.
pub(crate) fn recover(
    file: &impl DiskFile,
    mut reader: Reader,
    durable: u64,
    mut frame: impl FnMut(&Opened<'_>) -> Result<(), Error>,
) -> Result<Recovered, Error> {
    let end = file.length().map_err(Error::Read)?;
    let mut history = History::default();
    let mut stretches = Vec::new();
    while let Some(opened) = reader.next(file, end).map_err(Error::Read)? {
        let at = opened.at;
        match opened.kind {
            Kind::Epoch => {
                history = History::decode(opened.plain).ok_or(Error::Malformed { at })?
            }
            Kind::Batch => history.current.commits += 1,
            Kind::Copy => {}
            // Closes a backup, never a log.
            Kind::End => return Err(Error::Malformed { at }),
        }
        let begins = opened.kind == Kind::Epoch;
        frame(&opened)?;
        if begins && let Some(subkey) = reader.opener.subkey() {
            let subkey = Arc::clone(subkey);
            stretches.push(Stretch { from: at, subkey });
        }
    }
    let good = reader.at();
    if good < durable || (good < end && reader.is_vouched_for(file, end).map_err(Error::Read)?) {
        return Err(Error::Damaged { at: good, end });
    }
    Ok(Recovered {
        history,
        end: good,
        chain: reader.opener.chain(),
        stretches,
    })
}

/// A log that is appended to.
pub(crate) struct Log<F> {
    pub(crate) file: Arc<F>,
    pub(crate) number: u64,
    pub(crate) end: u64,
    /// Bytes of it that are durable.
    pub(crate) durable: u64,
    sealer: Sealer,
    stretches: Vec<Stretch>,
    /// The frame being made; kept, so that a commit allocates nothing.
    frame: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
}

impl<F: DiskFile> Log<F> {
    /// A log in an empty file, with its first epoch. Nothing of it is durable yet.
    pub(crate) fn create(
        file: F,
        data_key: &[u8; 32],
        store: StoreId,
        number: u64,
        history: &History,
    ) -> Result<Self, Error> {
        let recovered = Recovered {
            history: History::default(),
            end: 0,
            chain: start(data_key, store, number),
            stretches: Vec::new(),
        };
        Self::resume(file, data_key, number, recovered, history)
    }

    /// Goes on with a log behind its last good frame, in a new epoch. Nothing of it is durable yet.
    pub(crate) fn resume(
        file: F,
        data_key: &[u8; 32],
        number: u64,
        recovered: Recovered,
        history: &History,
    ) -> Result<Self, Error> {
        let mut frame = Vec::new();
        let sealer = Sealer::begin(data_key, &recovered.chain, &history.encode(), &mut frame)?;
        let mut log = Self {
            file: Arc::new(file),
            number,
            end: recovered.end,
            durable: 0,
            sealer,
            stretches: recovered.stretches,
            frame,
            plain: Zeroizing::default(),
        };
        log.write_epoch()?;
        Ok(log)
    }

    /// Begins another epoch in the same log.
    pub(crate) fn begin(&mut self, data_key: &[u8; 32], history: &History) -> Result<(), Error> {
        self.frame.clear();
        self.sealer = Sealer::begin(
            data_key,
            &self.sealer.chain(),
            &history.encode(),
            &mut self.frame,
        )?;
        self.write_epoch()
    }

    fn write_epoch(&mut self) -> Result<(), Error> {
        self.stretches.push(Stretch {
            from: self.end,
            subkey: self.sealer.subkey(),
        });
        self.write_frame()
    }

    /// How many epochs it holds.
    pub(crate) fn epochs(&self) -> usize {
        self.stretches.len()
    }

    /// Appends a batch. Returns its frame's offset, and how much of its plaintext precedes the changes.
    pub(crate) fn append(&mut self, kind: Kind, batch: &Batch) -> Result<(u64, usize), Error> {
        let at = self.end;
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        let needed = batch.len() + 5;
        if needed > MAX_BODY {
            return Err(Error::TooLarge(batch.len()));
        }
        if plain.capacity() < needed {
            plain = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
        }
        if kind == Kind::Batch {
            // Beyond this many bytes the frame vouches for nothing, which is safe.
            let distance = (at - self.durable).min(u64::from(u32::MAX));
            write_length(
                &mut plain,
                usize::try_from(distance).unwrap_or(u32::MAX as usize),
            );
        }
        let skip = plain.len();
        plain.extend_from_slice(batch.bytes());
        self.frame.clear();
        let sealed = self.sealer.seal(kind, &plain, &mut self.frame);
        keep_small(&mut plain);
        self.plain = plain;
        sealed.ok_or(Error::Exhausted)?;
        self.write_frame()?;
        Ok((at, skip))
    }

    fn write_frame(&mut self) -> Result<(), Error> {
        let end = self.end + self.frame.len() as u64;
        if end > MAX_OFFSET {
            return Err(Error::Full);
        }
        self.file
            .write_at(&self.frame, self.end)
            .map_err(Error::Write)?;
        self.end = end;
        if self.frame.capacity() > WINDOW {
            self.frame = Vec::new();
        }
        Ok(())
    }

    /// Makes all of it durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.file.sync().map_err(Error::Sync)?;
        self.durable = self.end;
        Ok(())
    }

    /// Opens the frame at an offset again.
    pub(crate) fn open(&self, at: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.open_again(at)
            .map_err(Error::Read)?
            .ok_or(Error::Damaged { at, end: self.end })
    }

    fn open_again(&self, at: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let stretch = self
            .stretches
            .partition_point(|stretch| stretch.from <= at)
            .checked_sub(1);
        let Some(Stretch { subkey, .. }) = stretch.map(|stretch| &self.stretches[stretch]) else {
            return Ok(None);
        };
        let mut before = [0; TAG + HEAD];
        let Some(from) = at.checked_sub(TAG as u64) else {
            return Ok(None);
        };
        if self.file.read_at(&mut before, from)? != before.len() {
            return Ok(None);
        }
        let (chain, head) = before.split_at(TAG);
        let Some((chain, head)) = chain
            .first_chunk()
            .zip(head.first_chunk().and_then(Head::parse))
        else {
            return Ok(None);
        };
        let mut rest = Zeroizing::new(vec![0; head.length + TAG]);
        if self.file.read_at(&mut rest, at + HEAD as u64)? != rest.len() {
            return Ok(None);
        }
        let length = subkey
            .open(chain, head, &mut rest, 0)
            .map(|plain| plain.len());
        Ok(length.map(|length| {
            rest.truncate(length);
            rest
        }))
    }
}

/// A large batch's plaintext is not kept around.
fn keep_small(plain: &mut Zeroizing<Vec<u8>>) {
    if plain.capacity() > WINDOW {
        *plain = Zeroizing::default();
    }
}

impl From<NoRandom> for Error {
    fn from(error: NoRandom) -> Self {
        Self::NoRandom(error)
    }
}
