//! Wipes the stack below the caller.
//!
//! Computations with keys leave copies in stack frames that have since returned, which no allocator reaches. A caller
//! that is about to wait (a runtime thread before it parks, a worker after its job) overwrites them. The caller's own
//! frames and registers are not affected.

use std::cell::OnceCell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;

use crate::wipe::wipe;

/// How many bytes of the stack are wiped: more than most calls use.
pub const SCRUBBED_BYTES: usize = 128 * 1024;
/// How many bytes below that are returned to the kernel: more than the library's calls were measured to use without
/// optimisations (215 KiB).
const RETURNED_BYTES: usize = 1 << 20;
const PAGE_BYTES: usize = 4096;

thread_local! {
    /// The lowest address of this thread's stack, if known.
    static LOWEST: OnceCell<Option<usize>> = const { OnceCell::new() };
}

/// Overwrites the 128 KiB of stack below the caller with zeros, and returns the megabyte below those to the kernel,
/// after which it reads as zeros.
///
/// Call it with little stack in use: the thread needs that much stack, plus a few frames in debug builds, or it hits
/// its guard page. Threads of the standard library and tokio have 2 MiB, the main thread 8. It takes 3 µs once the
/// pages are resident. A thread's first call makes them resident and looks up the end of the stack, on the main
/// thread in `/proc`, so call it before a sandbox denies access to that.
#[inline(never)]
pub fn scrub_stack() {
    let wiped_from = wipe_frame();
    // Far below every live frame.
    return_below(wiped_from.next_multiple_of(PAGE_BYTES));
}

/// Overwrites a frame with zeros and returns its lowest address.
#[inline(never)]
fn wipe_frame() -> usize {
    let mut frame = MaybeUninit::<[u8; SCRUBBED_BYTES]>::uninit();
    #[expect(unsafe_code, reason = "wipes a local array without first filling it")]
    // SAFETY: `frame` is a local of this size and is never read.
    unsafe {
        wipe(frame.as_mut_ptr().cast(), SCRUBBED_BYTES);
    }
    // The array must live until here, so that it occupies the dead frames.
    black_box(&mut frame).as_ptr().addr()
}

/// Returns whole pages of this thread's stack to the kernel, below `end`, which must be below every live frame.
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
    // SAFETY: the range from the stack's lowest address to 128 KiB below the caller's frame is not read before it is
    // written again. For unmapped pages the kernel returns an error, which is harmless.
    let _ = unsafe { rustix::mm::madvise(ptr::without_provenance_mut(start), end - start, advice) };
}

#[expect(
    unsafe_code,
    reason = "asks the C library where this thread's stack is"
)]
fn lowest_address() -> Option<usize> {
    let mut made = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = made.as_mut_ptr();
    // SAFETY: takes no arguments.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: the thread is running, and the attributes are a writable local.
    if unsafe { libc::pthread_getattr_np(this, attributes) } != 0 {
        return None;
    }
    let (mut lowest, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the attributes were filled above; the other two are writable locals.
    let read = unsafe { libc::pthread_attr_getstack(attributes, &raw mut lowest, &raw mut size) };
    // SAFETY: filled above, and not used again.
    unsafe { libc::pthread_attr_destroy(attributes) };
    (read == 0).then(|| lowest.addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_with_the_default_stack_size_can_be_scrubbed() {
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        let scrubbed = thread.spawn(scrub_stack).expect("a thread");
        scrubbed.join().expect("no overflow");
    }
}
