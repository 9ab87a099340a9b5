//! The memory of another process: its size, and secrets in it, as an attacker with the same user could find them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// A lean agent has no larger mapping.
const LARGEST: u64 = 256 << 20;

/// The additional memory that a file may take while it passes through the agent, in KiB.
pub(crate) const MAX_PASSING_KIB: u64 = 3 * 1024;

/// The memory that only process `pid` has, in KiB.
pub(crate) fn private_kib(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup
        .lines()
        .find(|line| line.starts_with("Private_Dirty:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

/// How often these bytes are in the writable memory of process `pid`.
pub(crate) fn copies(pid: u32, secret: &[u8]) -> usize {
    let Copies { stack, elsewhere } = places(pid, secret);
    stack + elsewhere
}

/// The locations of copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copies {
    /// On the stack of the main thread, which runs everything except disk access.
    pub(crate) stack: usize,
    /// On the heap, and on the stacks of other threads.
    pub(crate) elsewhere: usize,
}

/// [`copies`], by location.
pub(crate) fn places(pid: u32, secret: &[u8]) -> Copies {
    let memory = File::open(format!("/proc/{pid}/mem")).expect("a process of the same user");
    let mut found = Copies::default();
    let mut seen = 0;
    for (from, to, is_stack) in regions(pid) {
        let length = usize::try_from((to - from).min(LARGEST)).unwrap();
        let mut bytes = vec![0; length];
        // Guard pages cannot be read.
        let Ok(read) = memory.read_at(&mut bytes, from) else {
            continue;
        };
        seen += read;
        let here = occurrences(&bytes[..read], secret);
        if is_stack {
            found.stack += here;
        } else {
            found.elsewhere += here;
        }
    }
    assert!(seen > 1 << 20, "only {seen} bytes of memory were seen");
    found
}

/// How often `part` is in `bytes`.
pub(crate) fn occurrences(bytes: &[u8], part: &[u8]) -> usize {
    let first = part[0];
    let begins = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
    begins
        .filter(|(at, _)| bytes[*at..].starts_with(part))
        .count()
}

/// Start and end of each mapping, and whether it is the main thread's stack.
fn regions(pid: u32) -> Vec<(u64, u64, bool)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let region = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (from, to) = fields.next()?.split_once('-')?;
        let is_ours = fields.next()?.starts_with("rw");
        let number = |text| u64::from_str_radix(text, 16).ok();
        is_ours
            .then(|| Some((number(from)?, number(to)?, line.ends_with("[stack]"))))
            .flatten()
    };
    maps.lines().filter_map(region).collect()
}
