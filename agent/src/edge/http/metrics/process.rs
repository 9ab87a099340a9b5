//! The kernel's figures for this process. Missing ones are omitted.

use std::fs;
use std::time::Duration;

/// A snapshot of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<u64>,
    /// CPU time, user and system.
    pub(super) cpu: Option<Duration>,
    pub(super) open_files: Option<u64>,
}

impl Process {
    pub(super) fn now() -> Self {
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let files = fs::read_dir("/proc/self/fd").ok();
        Self {
            resident_bytes: resident_pages(&statm).map(|pages| pages * page),
            cpu: cpu_ticks(&stat).map(|ticks| {
                let millis = ticks * 1000 / rustix::param::clock_ticks_per_second();
                Duration::from_millis(millis)
            }),
            // Without the descriptor that reads the list.
            open_files: files
                .map(|files| u64::try_from(files.count()).unwrap_or(0).saturating_sub(1)),
        }
    }
}

/// The second field of `statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Fields 14 and 15 of `stat`. Field 2 is the program's name, which may contain spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_spaces_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 2 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks(""), None);
        assert_eq!(resident_pages("5000 1234 900 1 0 200 0"), Some(1234));
        let now = Process::now();
        assert!(now.resident_bytes > Some(1 << 20) && now.open_files > Some(2));
    }
}
