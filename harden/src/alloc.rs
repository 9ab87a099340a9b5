//! A global allocator that wipes every block before it goes back.
//!
//! The protocol library keeps keys in plain types that wipe nothing; under this allocator each heap copy of
//! them is zeroed when it is freed, whoever made it. It does not reach stacks (see [`scrub_stack`]),
//! registers, or what C libraries allocate for themselves.
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOCATOR: openclaw_harden::ZeroOnFree = openclaw_harden::ZeroOnFree;
//! # fn main() {}
//! ```
//!
//! # Why C's `malloc` and not `std::alloc::System`
//!
//! The two are the same memory: `System` is `malloc` on every Unix. The difference is the contract. A block that
//! shrinks in place comes back later with its *smaller* layout, and `System::dealloc` must be given the layout the
//! block was made with; that it ignores the size today is not a promise. `free` takes no size, so handing
//! it any pointer `malloc` gave is right by its own contract.
//!
//! C's `realloc` is never called: it may move, and the old block then goes back with everything in it
//! (glibc moves a growing block, musl a shrinking one as well).
//!
//! [`scrub_stack`]: crate::scrub_stack

use std::alloc::{GlobalAlloc, Layout};

use crate::wipe::wipe;

/// What `malloc` aligns every block to: glibc's and musl's `max_align_t` on 64-bit targets.
const MALLOC_ALIGN: usize = 16;

/// A shrinking block stays where it is unless it gives back more than it keeps, and at least this much:
/// then the memory is worth a copy.
const WORTH_MOVING: usize = 1024;

/// The allocator: C's, with every freed byte overwritten first.
///
/// Growing a `Vec` copies it (the old block must be wiped whole), so give hot buffers their size up front.
#[derive(Clone, Copy, Debug, Default)]
pub struct ZeroOnFree;

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait over raw blocks"
)]
// SAFETY: blocks come from `malloc`, `calloc` or `posix_memalign`, are as large and as aligned as the layout says,
// and belong to the caller alone until they are given to `free`. Nothing here unwinds.
unsafe impl GlobalAlloc for ZeroOnFree {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN && layout.align() <= layout.size() {
            // SAFETY: any size may be asked of `malloc`.
            return unsafe { libc::malloc(layout.size()) }.cast();
        }
        // A block smaller than its alignment may be aligned to less by some C libraries.
        let mut block = std::ptr::null_mut();
        let align = layout.align().max(size_of::<*mut u8>());
        // SAFETY: `align` is a power of two and a multiple of a pointer's size; `block` is ours to write.
        let failed = unsafe { libc::posix_memalign(&raw mut block, align, layout.size()) };
        if failed != 0 {
            return std::ptr::null_mut();
        }
        block.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives the block up, and it is `layout.size()` bytes.
        unsafe { wipe(block, layout.size()) };
        // SAFETY: `block` came from this allocator, so from C's, and is freed once.
        unsafe { libc::free(block.cast()) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN && layout.align() <= layout.size() {
            // SAFETY: any size may be asked of `calloc`.
            return unsafe { libc::calloc(1, layout.size()) }.cast();
        }
        // SAFETY: the caller's layout, passed on.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: `block` is a fresh block of `layout.size()` bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let freed = layout.size().saturating_sub(new_size);
        if new_size <= layout.size() && (freed <= new_size || freed < WORTH_MOVING) {
            // SAFETY: `new_size <= layout.size()`, so the tail starts inside the block or at its end.
            let tail = unsafe { block.add(new_size) };
            // SAFETY: the tail is the block's last `freed` bytes, which the caller gives up.
            unsafe { wipe(tail, freed) };
            return block;
        }
        // SAFETY: the caller vouches that `new_size`, rounded up to the alignment, is within `isize`.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: `new_size` is not zero, says the caller.
        let moved = unsafe { self.alloc(new_layout) };
        if !moved.is_null() {
            let kept = layout.size().min(new_size);
            // SAFETY: both blocks are at least `kept` bytes, and the new one is nobody else's.
            unsafe { moved.copy_from_nonoverlapping(block, kept) };
            // SAFETY: the old block has this layout and is not used again.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}

#[cfg(test)]
#[expect(
    unsafe_code,
    reason = "calls the allocator as the standard library would"
)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a valid layout")
    }

    fn filled(layout: Layout) -> *mut u8 {
        // SAFETY: no test asks for size zero.
        let block = unsafe { ZeroOnFree.alloc(layout) };
        assert!(!block.is_null());
        assert_eq!(block.align_offset(layout.align()), 0, "{layout:?}");
        // SAFETY: the block was just made with this layout.
        unsafe { block.write_bytes(0x5A, layout.size()) };
        block
    }

    fn bytes<'a>(block: *mut u8, len: usize) -> &'a [u8] {
        // SAFETY: every caller passes a live block of at least `len` initialised bytes.
        unsafe { std::slice::from_raw_parts(block, len) }
    }

    #[test]
    fn every_alignment_is_kept() {
        for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
            for size in [1, 2, 7, 8, 24, 100, 5000] {
                let layout = layout(size, align);
                let block = filled(layout);
                // SAFETY: made with this layout, freed once.
                unsafe { ZeroOnFree.dealloc(block, layout) };
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_zero() {
        for align in [1, 16, 64] {
            let layout = layout(300, align);
            // SAFETY: not of size zero.
            let block = unsafe { ZeroOnFree.alloc_zeroed(layout) };
            assert!(bytes(block, 300).iter().all(|byte| *byte == 0));
            // SAFETY: made with this layout, freed once.
            unsafe { ZeroOnFree.dealloc(block, layout) };
        }
    }

    #[test]
    fn shrinking_stays_in_place_and_wipes_the_tail() {
        for align in [1, 64] {
            let block = filled(layout(1000, align));
            // SAFETY: made with this layout.
            let shrunk = unsafe { ZeroOnFree.realloc(block, layout(1000, align), 333) };
            assert_eq!(shrunk, block);
            // The block is still 1000 bytes of C's, so the tail may be looked at.
            assert!(bytes(shrunk, 333).iter().all(|byte| *byte == 0x5A));
            assert!(bytes(shrunk, 1000)[333..].iter().all(|byte| *byte == 0));
            // SAFETY: what it was last resized to, freed once.
            unsafe { ZeroOnFree.dealloc(shrunk, layout(333, align)) };
        }
    }

    #[test]
    fn shrinking_by_much_gives_the_memory_back() {
        let block = filled(layout(1 << 20, 1));
        // SAFETY: made with this layout.
        let shrunk = unsafe { ZeroOnFree.realloc(block, layout(1 << 20, 1), 100) };
        assert_ne!(shrunk, block);
        assert!(bytes(shrunk, 100).iter().all(|byte| *byte == 0x5A));
        // SAFETY: what it was last resized to, freed once.
        unsafe { ZeroOnFree.dealloc(shrunk, layout(100, 1)) };
    }

    #[test]
    fn growing_keeps_the_bytes_and_the_alignment() {
        for align in [1, 16, 128] {
            let block = filled(layout(40, align));
            // SAFETY: made with this layout.
            let grown = unsafe { ZeroOnFree.realloc(block, layout(40, align), 4000) };
            assert_eq!(grown.align_offset(align), 0);
            assert!(bytes(grown, 40).iter().all(|byte| *byte == 0x5A));
            // SAFETY: what it was last resized to, freed once.
            unsafe { ZeroOnFree.dealloc(grown, layout(4000, align)) };
        }
    }

    #[test]
    fn too_large_a_block_is_null_and_leaves_the_old_one_alone() {
        let block = filled(layout(64, 1));
        let huge = isize::MAX as usize;
        // SAFETY: made with this layout.
        let grown = unsafe { ZeroOnFree.realloc(block, layout(64, 1), huge) };
        assert!(grown.is_null());
        assert!(bytes(block, 64).iter().all(|byte| *byte == 0x5A));
        // SAFETY: made with this layout, freed once.
        unsafe { ZeroOnFree.dealloc(block, layout(64, 1)) };
    }
}
