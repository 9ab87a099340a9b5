//! Faults of the media host.

/// The direction of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transfer {
    /// From a client to the host.
    Upload,
    /// From the host to a client.
    Download,
}

/// A fault of the media host. It applies to the transfers of all accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFault {
    /// The next transfers fail.
    Next {
        /// The direction.
        on: Transfer,
        /// The failure.
        how: Spoilt,
        /// The number of transfers.
        count: u32,
    },
    /// Every transfer is limited to this many bytes per second; 0 ends the limit.
    Slow(u64),
    /// A request for a range gets the whole file.
    NoRange,
    /// All issued tokens become invalid.
    Expired,
}

/// How a transfer fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoilt {
    /// An HTTP status.
    Status(u16),
    /// A complete response with only this many bytes. Only for downloads.
    Short(u64),
    /// The connection is closed after this many bytes.
    Cut(u64),
    /// The transfer stalls after this many bytes.
    Stall(u64),
    /// The last byte is wrong. Only for downloads.
    WrongMac,
    /// Another file, encrypted with the same key and with a valid MAC. Only for downloads.
    WrongHash,
}

/// The faults that persist until they are used up or cleared.
#[derive(Default)]
pub(crate) struct MediaFaults {
    next: Vec<(Transfer, Spoilt, u32)>,
    /// In bytes per second.
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

    /// The failure of the transfer that begins now, if any.
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
    fn faults_are_used_up_one_per_transfer_in_order() {
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
