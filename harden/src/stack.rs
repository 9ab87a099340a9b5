//! Wiping the stack below the caller.
//!
//! Arithmetic on keys leaves copies in frames that have since returned; no allocator sees those. A caller that is about
//! to rest (a runtime thread before it parks, a worker after its job) overwrites them. What is above the
//! caller, in use, is not touched; registers are not either.

use std::cell::OnceCell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;

use crate::wipe::wipe;

/// How far down the stack is wiped: deeper than most calls go.
pub const SCRUBBED_BYTES: usize = 128 * 1024;
/// How far down it is given back to the kernel below that: deeper than the library's calls were seen to go in
/// measurements, without optimisations (215 KiB).
const RETURNED_BYTES: usize = 1 << 20;
const PAGE_BYTES: usize = 4096;

thread_local! {
    /// The lowest address of this thread's stack, if the system says.
    static LOWEST: OnceCell<Option<usize>> = const { OnceCell::new() };
}

/// Overwrites the 128 KiB of stack below the caller with zeros, and gives the megabyte below those back to the kernel, for
/// which it is zeros from then on.
///
/// Call it shallow: the thread needs that much stack left, a few frames more in debug builds, or it dies on
/// its guard page. The standard library's and tokio's threads have 2 MiB, the main thread 8. It takes 3 µs once
/// the pages are there; a thread's first call makes them resident, and asks the system where the stack ends: on the main
/// thread from `/proc`, so make it before a sandbox closes that.
#[inline(never)]
pub fn scrub_stack() {
    let wiped_from = wipe_frame();
    // Far below every frame that is live now.
    return_below(wiped_from.next_multiple_of(PAGE_BYTES));
}

/// Where the wiped bytes begin.
#[inline(never)]
fn wipe_frame() -> usize {
    let mut frame = MaybeUninit::<[u8; SCRUBBED_BYTES]>::uninit();
    #[expect(unsafe_code, reason = "wipes a local array without first filling it")]
    // SAFETY: `frame` is ours, of this size, and never read.
    unsafe {
        wipe(frame.as_mut_ptr().cast(), SCRUBBED_BYTES);
    }
    // The array must exist until here: its place is the caller's dead frames.
    black_box(&mut frame).as_ptr().addr()
}

/// Gives whole pages of this thread's stack back, down from `end`, which must be below every live frame.
fn return_below(end: usize) {
    let Some(lowest) = LOWEST.with(|lowest| *lowest.get_or_init(lowest_address)) else {
        return;
    };
    let start = lowest.next_multiple_of(PAGE_BYTES);
    let start = start.max(end.saturating_sub(RETURNED_BYTES));
    if start >= end {
        return;
    }
    let advice = rustix::mm::Advice::LinuxDontNeed;
    #[expect(unsafe_code, reason = "drops pages of a stack that nothing uses")]
    // SAFETY: from the stack's lowest address up to 128 KiB below the caller's frame: nothing there is used again before
    // it is written. Of what is not mapped the kernel says so, which harms nothing.
    let _ = unsafe { rustix::mm::madvise(ptr::without_provenance_mut(start), end - start, advice) };
}

#[expect(
    unsafe_code,
    reason = "asks the C library where this thread's stack is"
)]
fn lowest_address() -> Option<usize> {
    let mut made = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = made.as_mut_ptr();
    // SAFETY: it takes nothing.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: the thread runs, and the attributes are ours to be filled.
    if unsafe { libc::pthread_getattr_np(this, attributes) } != 0 {
        return None;
    }
    let (mut lowest, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the attributes were filled above; the other two are ours.
    let read = unsafe { libc::pthread_attr_getstack(attributes, &raw mut lowest, &raw mut size) };
    // SAFETY: filled above, and not used again.
    unsafe { libc::pthread_attr_destroy(attributes) };
    (read == 0).then(|| lowest.addr())
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
