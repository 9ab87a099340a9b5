//! Creates a store in a directory, or opens it after a clean shutdown or a crash.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{Lsn, Opened, Vault};
use crate::disk::{Disk, DiskFile as _};
use crate::epoch::History;
use crate::error::Error;
use crate::header::{Header, Purpose, Slot, StoreId, is_name};
use crate::headers::{self, Headers};
use crate::index::Index;
use crate::log::{self, Log, Reader};
use crate::secret::{DataKey, Hold, Key32, Secret};

impl<D: Disk> Vault<D> {
    /// Creates a store in a directory that has none. Removes the leftovers of an interrupted creation or erasure.
    pub fn create(
        disk: D,
        secret: &Secret,
        slot: &str,
        now: u64,
        hold: Hold,
    ) -> Result<Self, Error> {
        if headers::presence(&disk)?.is_some() {
            return Err(Error::Present);
        }
        if !is_name(slot) {
            return Err(Error::BadName);
        }
        let (store, data_key) = (StoreId::random()?, hold(Key32::random()?));
        let slot = Slot::wrap(Purpose::Vault, store, slot, now, secret, &data_key)?;
        let history = History::default().reopened()?;
        remove_strays(&disk, FIRST_LOG)?;
        let file = disk.create(&log::name(FIRST_LOG)).map_err(Error::Folder)?;
        let mut log = Log::create(file, &data_key, store, FIRST_LOG, &history)?;
        log.sync()?;
        disk.sync().map_err(Error::Folder)?;
        let header = Header {
            purpose: Purpose::Vault,
            store,
            revision: 1,
            generation: history.current.generation,
            log: FIRST_LOG,
            durable: log.end,
            slots: vec![slot],
        };
        let headers = Headers::create(&disk, header, &data_key)?;
        let resumed = Resumed {
            log,
            index: Index::default(),
            history,
            dropped: 0,
        };
        Ok(Self::assemble(disk, hold, headers, data_key, resumed))
    }

    /// Opens the store in a directory. It holds everything that was durable, and everything that it holds is durable.
    pub fn open(disk: D, secret: &Secret, hold: Hold) -> Result<(Self, Opened), Error> {
        headers::presence(&disk)?.ok_or(Error::Absent)?;
        let (mut headers, data_key) = Headers::open(&disk, secret, hold)?;
        // A killed process may have left the rename of the header unsynced.
        disk.sync().map_err(Error::Folder)?;
        headers.rewrite_current(&data_key)?;
        if headers.agree {
            remove_strays(&disk, headers.header.log)?;
        }
        let mut resumed = resume(&disk, &headers.header, &data_key)?;
        // A killed process may have left the replayed frames unsynced.
        resumed.log.sync()?;
        headers.header.generation = resumed.history.current.generation;
        headers.header.durable = resumed.log.end;
        let agreed = headers.agree;
        headers.write(&data_key)?;
        if !agreed {
            // Until now the other header copy, and the log that it names, may have been the durable ones.
            remove_strays(&disk, headers.header.log)?;
        }
        let opened = Opened {
            dropped: resumed.dropped,
        };
        Ok((
            Self::assemble(disk, hold, headers, data_key, resumed),
            opened,
        ))
    }

    fn assemble(
        disk: D,
        hold: Hold,
        headers: Headers<D>,
        data_key: DataKey,
        resumed: Resumed<D::File>,
    ) -> Self {
        let Resumed {
            log,
            index,
            history,
            ..
        } = resumed;
        Self {
            numbers: AtomicU64::new(log.number),
            disk,
            data_key,
            hold,
            headers,
            log,
            index,
            history,
            durable: Lsn(0),
            compacting: None,
            walkers: Arc::new(()),
            writers: Arc::new(()),
            broken: false,
        }
    }
}

/// The number of a store's first log.
const FIRST_LOG: u64 = 1;

/// A log that is ready for appending, and its contents.
struct Resumed<F> {
    log: Log<F>,
    index: Index,
    history: History,
    /// Bytes of an unfinished write at the end.
    dropped: u64,
}

/// Reads the live log, drops a torn write at its end, and opens it for appending.
fn resume<D: Disk>(
    disk: &D,
    header: &Header,
    data_key: &DataKey,
) -> Result<Resumed<D::File>, Error> {
    let name = log::name(header.log);
    let file = headers::open(disk, &name)?.ok_or(Error::LogMissing(name))?;
    let mut index = Index::default();
    let reader = Reader::new(data_key, header.store, header.log);
    let recovered = log::recover(&file, reader, header.durable, |frame| {
        for op in frame.ops() {
            let (place, op) = op?;
            index.apply(op, place);
        }
        Ok(())
    })?;
    let generation = recovered.history.current.generation;
    if generation < header.generation {
        return Err(Error::Older {
            log: generation,
            header: header.generation,
        });
    }
    let dropped = file.length().map_err(Error::Read)? - recovered.end;
    if dropped > 0 {
        file.set_len(recovered.end).map_err(Error::Write)?;
    }
    let history = recovered.history.clone().reopened()?;
    let log = Log::resume(file, data_key, header.log, recovered, &history)?;
    Ok(Resumed {
        log,
        index,
        history,
        dropped,
    })
}

/// Removes every log except the live one: leftovers of interrupted rewrites.
pub(super) fn remove_strays(disk: &impl Disk, live: u64) -> Result<(), Error> {
    for name in disk.names().map_err(Error::Folder)? {
        if log::number(&name).is_some_and(|number| number != live) {
            disk.remove(&name).map_err(Error::Folder)?;
        }
    }
    Ok(())
}
