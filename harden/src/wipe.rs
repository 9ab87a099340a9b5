//! Overwrites memory in a way that the compiler does not optimise away.
//!
//! A fill directly before `free`, or at the end of a frame's life, is a dead store, and compilers remove it. Here a
//! barrier follows that, as far as the compiler knows, reads all of it; so this is a plain fill at full speed.

use zeroize::optimization_barrier;

/// Overwrites `len` bytes from `start` with zeros.
///
/// # Safety
/// `start` must be valid for writes of `len` bytes, which nothing else may use meanwhile. The bytes are zero
/// afterwards, so they must not belong to a value that is still used and for which zero is invalid.
#[expect(unsafe_code, reason = "writes through a raw pointer")]
pub(crate) unsafe fn wipe(start: *mut u8, len: usize) {
    // SAFETY: the caller guarantees `len` writable bytes.
    unsafe { start.write_bytes(0, len) };
    // SAFETY: the same bytes, just initialised, and not used by anything else meanwhile.
    let wiped = unsafe { std::slice::from_raw_parts(start, len) };
    optimization_barrier(wiped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "calls the function under test")]
    fn every_start_and_length_is_wiped_and_nothing_around_it() {
        for start in 0..16 {
            for len in 0..32 {
                let mut block = [0xA5_u8; 64];
                // SAFETY: `start + len` is less than 48 of the 64.
                unsafe { wipe(block[start..].as_mut_ptr(), len) };
                for (at, byte) in block.iter().enumerate() {
                    let wiped = (start..start + len).contains(&at);
                    assert_eq!(*byte, if wiped { 0 } else { 0xA5 }, "{start}+{len} at {at}");
                }
            }
        }
    }
}
