//! Overwriting memory so that the compiler keeps the stores.
//!
//! Zeros go in as volatile words: a plain fill before `free` is a dead store, and compilers remove it.

const WORD: usize = size_of::<usize>();

/// Overwrites `len` bytes from `start` with zeros.
///
/// # Safety
/// `start` must be valid for writes of `len` bytes, which nothing else may use meanwhile. What they hold
/// afterwards is zero, so they must not belong to a value that is used again and cannot be zero.
#[expect(
    unsafe_code,
    reason = "writes through the raw pointer it is given: it is the wipe itself"
)]
pub(crate) unsafe fn wipe(start: *mut u8, len: usize) {
    let mut at = 0;
    let head = start.align_offset(WORD).min(len);
    while at < head {
        // SAFETY: `at < len`, and the caller vouches for `len` bytes.
        let byte = unsafe { start.add(at) };
        // SAFETY: as above; a byte is always aligned.
        unsafe { byte.write_volatile(0) };
        at += 1;
    }
    while len - at >= WORD {
        // SAFETY: `at + WORD <= len`, and the caller vouches for `len` bytes.
        let word = unsafe { start.add(at) }.cast::<usize>();
        // SAFETY: as above; `head` bytes bring `start` to a word's alignment, and `at - head` is whole words.
        unsafe { word.write_volatile(0) };
        at += WORD;
    }
    while at < len {
        // SAFETY: `at < len`, and the caller vouches for `len` bytes.
        let byte = unsafe { start.add(at) };
        // SAFETY: as above; a byte is always aligned.
        unsafe { byte.write_volatile(0) };
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "calls the function under test")]
    fn every_start_and_length_is_wiped_and_nothing_beside_it() {
        for start in 0..WORD * 2 {
            for len in 0..WORD * 4 {
                let mut block = [0xA5_u8; WORD * 8];
                // SAFETY: `start + len` is at most 6 words of the 8.
                unsafe { wipe(block[start..].as_mut_ptr(), len) };
                for (at, byte) in block.iter().enumerate() {
                    let wiped = (start..start + len).contains(&at);
                    assert_eq!(*byte, if wiped { 0 } else { 0xA5 }, "{start}+{len} at {at}");
                }
            }
        }
    }
}
