//! What goes wrong at the media host on command.

/// Which way a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transfer {
    /// From a client to the host.
    Upload,
    /// From the host to a client.
    Download,
}

/// A fault of the media host. It strikes the transfers of all accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFault {
    /// The next transfers go wrong.
    Next {
        /// Which of them.
        on: Transfer,
        /// How.
        how: Spoilt,
        /// How many.
        count: u32,
    },
    /// Every transfer is as slow as so many bytes a second. 0 ends it.
    Slow(u64),
    /// A request for a part of a file gets all of it.
    NoRange,
    /// The tokens that were given out are not valid any more.
    Expired,
}

/// How a transfer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoilt {
    /// An HTTP status.
    Status(u16),
    /// A complete answer with only so many bytes. Of downloads.
    Short(u64),
    /// The connection ends after so many bytes.
    Cut(u64),
    /// Silence after so many bytes.
    Stall(u64),
    /// The last byte is another. Of downloads.
    WrongMac,
    /// Another file under the same key: its MAC is right. Of downloads.
    WrongHash,
}

/// The faults that last.
#[derive(Default)]
pub(crate) struct MediaFaults {
    next: Vec<(Transfer, Spoilt, u32)>,
    /// In bytes a second.
    pub(crate) rate: Option<u64>,
    pub(crate) no_range: bool,
}

impl MediaFaults {
    pub(crate) fn set(&mut self, fault: &MediaFault) {
        match *fault {
            MediaFault::Next { count: 0, .. } | MediaFault::Expired => {}
            MediaFault::Next { on, how, count } => self.next.push((on, how, count)),
            MediaFault::Slow(rate) => self.rate = Some(rate).filter(|rate| *rate > 0),
            MediaFault::NoRange => self.no_range = true,
        }
    }

    /// What goes wrong with the transfer that begins now.
    pub(crate) fn take(&mut self, transfer: Transfer) -> Option<Spoilt> {
        let place = self.next.iter().position(|(on, ..)| *on == transfer)?;
        let (_, how, count) = &mut self.next[place];
        let how = *how;
        *count -= 1;
        if *count == 0 {
            self.next.remove(place);
        }
        Some(how)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_spent_one_a_transfer_and_in_order() {
        let mut faults = MediaFaults::default();
        for (on, how, count) in [
            (Transfer::Download, Spoilt::Status(410), 2),
            (Transfer::Upload, Spoilt::Cut(5), 1),
            (Transfer::Download, Spoilt::WrongMac, 1),
            (Transfer::Download, Spoilt::WrongHash, 0),
        ] {
            faults.set(&MediaFault::Next { on, how, count });
        }
        let downloads: Vec<_> = std::iter::from_fn(|| faults.take(Transfer::Download)).collect();
        let gone = Spoilt::Status(410);
        assert_eq!(downloads, [gone, gone, Spoilt::WrongMac]);
        assert_eq!(faults.take(Transfer::Upload), Some(Spoilt::Cut(5)));
        assert_eq!(faults.take(Transfer::Upload), None);
    }
}
