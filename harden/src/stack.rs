//! Wiping the stack below the caller.
//!
//! Arithmetic on keys leaves copies in frames that have since returned; no allocator sees those. Whoever is about
//! to rest (a runtime thread before it parks, a worker after its job) overwrites them. What is above the
//! caller, in use, is not touched; registers are not either.

use std::hint::black_box;
use std::mem::MaybeUninit;

use crate::wipe::wipe;

/// How far down the stack is wiped: deeper than the library's calls were seen to go in measurements.
pub const SCRUBBED_BYTES: usize = 128 * 1024;

/// Overwrites the 128 KiB of stack below the caller with zeros.
///
/// Call it shallow: the thread needs that much stack left, a few frames more in debug builds, or it dies on
/// its guard page. The standard library's and tokio's threads have 2 MiB, the main thread 8. It takes 2 µs once
/// the pages are there; a thread's first call makes them resident.
#[inline(never)]
pub fn scrub_stack() {
    let mut frame = MaybeUninit::<[u8; SCRUBBED_BYTES]>::uninit();
    #[expect(unsafe_code, reason = "wipes a local array without first filling it")]
    // SAFETY: `frame` is ours, of this size, and never read.
    unsafe {
        wipe(frame.as_mut_ptr().cast(), SCRUBBED_BYTES);
    }
    // The array must exist until here: its place is the caller's dead frames.
    black_box(&mut frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_of_the_usual_size_has_room_for_it() {
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        let scrubbed = thread.spawn(scrub_stack).expect("a thread");
        scrubbed.join().expect("no overflow");
    }
}
