//! The memory of a process, as counted by the kernel.

use std::io;

/// In bytes.
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
    /// The pages that no other process has.
    pub(crate) private: u64,
}

impl Memory {
    /// Reads `VmRSS` of the process's `status`, and the other fields of its `smaps_rollup`.
    pub(crate) fn of(process: u32) -> io::Result<Self> {
        let read = |file: &str, field: &str| -> io::Result<u64> {
            let text = std::fs::read_to_string(format!("/proc/{process}/{file}"))?;
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.map(|kib| kib * 1024)
                .ok_or_else(|| io::Error::other(format!("no {field} in {file}")))
        };
        Ok(Self {
            rss: read("status", "VmRSS:")?,
            pss: read("smaps_rollup", "Pss:")?,
            private: read("smaps_rollup", "Private_Clean:")?
                + read("smaps_rollup", "Private_Dirty:")?,
        })
    }
}
