//! Rewriting of the live log: for compaction, a new data key, or a restore.
//!
//! The new log is complete and durable before a single header write makes it the live one.

use crate::batch::{Batch, Op, Ops};
use crate::disk::DiskFile;
use crate::epoch::History;
use crate::error::Error;
use crate::frame::Kind;
use crate::header::StoreId;
use crate::index::{Index, Place};
use crate::log::{Log, Reader};
use crate::secret::DataKey;

/// The target size of a frame. Small, because reading one record opens its whole frame.
const FRAME_BYTES: usize = 16 << 10;

/// A new log that is being written.
pub(crate) struct Rewrite<F> {
    pub(crate) log: Log<F>,
    pub(crate) index: Index,
    pub(crate) data_key: DataKey,
    batch: Batch,
}

impl<F: DiskFile> Rewrite<F> {
    pub(crate) fn new(
        file: F,
        data_key: DataKey,
        store: StoreId,
        number: u64,
        index: Index,
        history: &History,
    ) -> Result<Self, Error> {
        Ok(Self {
            log: Log::create(file, &data_key, store, number, history)?,
            index,
            data_key,
            batch: Batch::new(),
        })
    }

    pub(crate) fn push(&mut self, op: Op<'_>) -> Result<(), Error> {
        // A change may fill a whole frame, so it never shares one beyond the target size.
        if self.batch.len() + op.size() > FRAME_BYTES {
            self.flush()?;
        }
        self.batch.push(op);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (frame, skip) = self.log.append(Kind::Copy, &self.batch)?;
        follow(&mut self.index, &self.batch, frame, skip)?;
        self.batch.clear();
        Ok(())
    }

    /// Makes the whole log durable and starts a new epoch after it.
    pub(crate) fn finish(&mut self, history: &History) -> Result<(), Error> {
        self.flush()?;
        self.log.begin(&self.data_key, history)?;
        self.log.sync()
    }
}

/// Updates an index with a batch that was just written.
pub(crate) fn follow(
    index: &mut Index,
    batch: &Batch,
    frame: u64,
    skip: usize,
) -> Result<(), Error> {
    for op in Ops::new(batch.bytes()) {
        let (at, length, op) = op.map_err(|_| Error::Malformed { at: frame })?;
        let place = Place {
            frame,
            at: at + skip,
            length,
        };
        index.apply(op, place);
    }
    Ok(())
}

/// Walks through the live log from its start to its current end and yields what is live.
///
/// Before the position where the log ended when the walk started, it skips dead records and removals. After that
/// position it yields every removal, because the removed record may have been yielded already.
pub(crate) struct Walk {
    reader: Reader,
    pub(crate) number: u64,
    snapshot: u64,
}

impl Walk {
    pub(crate) fn new<F>(log: &Log<F>, data_key: &DataKey, store: StoreId, snapshot: u64) -> Self {
        Self {
            reader: Reader::new(data_key, store, log.number),
            number: log.number,
            snapshot,
        }
    }

    /// Processes about `budget` bytes. Returns true at the end of the log.
    pub(crate) fn step<F: DiskFile>(
        &mut self,
        log: &Log<F>,
        index: &Index,
        budget: usize,
        mut show: impl FnMut(Op<'_>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let until = (self.reader.at() + budget as u64).min(log.end);
        while self.reader.at() < until {
            let at = self.reader.at();
            let opened = self.reader.next(&*log.file, log.end).map_err(Error::Read)?;
            let opened = opened.ok_or(Error::Damaged { at, end: log.end })?;
            for op in opened.ops() {
                let (place, op) = op?;
                let shown = match op {
                    Op::Put { key, .. } => index.place(key) == Some(place),
                    _ => at >= self.snapshot,
                };
                if shown {
                    show(op)?;
                }
            }
        }
        Ok(self.reader.at() == log.end)
    }
}
