//! Searches another process's memory for a secret.
//!
//! The secret is derived from a number, so that it is never a command-line argument; the scanner keeps it masked, so
//! that its own memory would not match either.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// The length of a secret. It is searched for in halves, because the C library overwrites the first bytes of a freed
/// block.
pub(crate) const LENGTH: usize = 32;
const HALF: usize = LENGTH / 2;
const MASK: u8 = 0xA7;
const CHUNK: usize = 1 << 20;

/// Writes the secret for this number, in printable characters, directly into `place`.
pub(crate) fn write_secret(number: u64, place: &mut [u8]) {
    assert_eq!(place.len(), LENGTH);
    let mut state = number;
    for byte in place {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *byte = b'a' + u8::try_from((state >> 33) % 26).expect("a letter");
    }
}

/// The secret for this number, for the parent.
pub(crate) fn secret(number: u64) -> String {
    let mut bytes = vec![0; LENGTH];
    write_secret(number, &mut bytes);
    String::from_utf8(bytes).expect("letters")
}

/// The number of halves of the secret in the memory of process `pid`.
pub(crate) fn halves_in(pid: u32, number: u64) -> usize {
    let masked: Vec<u8> = secret(number).bytes().map(|byte| byte ^ MASK).collect();
    let memory = File::open(format!("/proc/{pid}/mem")).expect("the child's memory opens");
    let mut found = 0;
    let mut buffer = vec![0; CHUNK + HALF - 1];
    for (mut from, to) in regions(pid) {
        while from < to {
            let wanted =
                usize::try_from(to - from).map_or(buffer.len(), |left| left.min(buffer.len()));
            // Guard pages cannot be read and contain nothing.
            let Ok(read) = memory.read_at(&mut buffer[..wanted], from) else {
                break;
            };
            if read < HALF {
                break;
            }
            found += masked
                .chunks(HALF)
                .map(|half| occurrences(&buffer[..read], half))
                .sum::<usize>();
            if read < buffer.len() {
                break;
            }
            from += CHUNK as u64;
        }
    }
    found
}

fn occurrences(bytes: &[u8], masked: &[u8]) -> usize {
    let first = masked[0] ^ MASK;
    let matches = |window: &&[u8]| {
        window[0] == first
            && window
                .iter()
                .zip(masked)
                .all(|(byte, mask)| byte ^ MASK == *mask)
    };
    bytes.windows(masked.len()).filter(matches).count()
}

fn regions(pid: u32) -> Vec<(u64, u64)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the child's maps");
    let region = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let range = fields.next()?;
        let readable = fields.next()?.starts_with("rw");
        let (from, to) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        readable
            .then(|| Some((number(from)?, number(to)?)))
            .flatten()
    };
    maps.lines().filter_map(region).collect()
}
