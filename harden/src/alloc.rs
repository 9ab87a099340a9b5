//! A global allocator that wipes every block before it is freed.
//!
//! The protocol library keeps keys in plain types that are not wiped. With this allocator, every heap copy is zeroed
//! when it is freed, also if a dependency allocated it. It does not cover stacks (see [`scrub_stack`]), registers, or
//! memory that C libraries allocate for themselves.
//!
//! ```no_run
//! #[global_allocator]
//! static ALLOCATOR: openclaw_harden::ZeroOnFree = openclaw_harden::ZeroOnFree;
//! # fn main() {}
//! ```
//!
//! The source of a block follows from its layout alone, so it need not be recorded: C's `malloc` ([`small`]), or,
//! from [`LARGE`] on, pages of its own ([`large`]), which the kernel can grow without a copy.
//!
//! # Why C's `malloc` and not `std::alloc::System`
//!
//! Both are the same memory: `System` is `malloc` on every Unix. The difference is the contract. A block that is
//! shrunk in place is freed later with its *smaller* layout, but `System::dealloc` requires the layout of the
//! allocation; that it ignores the size today is not guaranteed. `free` takes no size, so passing it any pointer from
//! `malloc` is correct by its own contract.
//!
//! C's `realloc` is never called: it may move the block and free the old one without wiping it (glibc moves a growing
//! block, musl a shrinking one as well).
//!
//! [`scrub_stack`]: crate::scrub_stack

use std::alloc::{GlobalAlloc, Layout};

use crate::wipe::wipe;

mod large;
mod small;

/// The minimum size of a block with its own pages: growing one with `malloc` would copy and wipe it each time.
const LARGE: usize = 512 * 1024;

/// A shrinking block stays in place unless it frees more than it keeps, and at least this much, so that the saved
/// memory justifies a copy.
const WORTH_MOVING: usize = 1024;

/// The allocator: C's, with every freed byte overwritten first.
///
/// Growing a `Vec` of less than 512 KiB copies it, because the old block must be wiped, so allocate hot buffers with
/// their final size.
#[derive(Clone, Copy, Debug, Default)]
pub struct ZeroOnFree;

const fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= large::ALIGN
}

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait over raw blocks"
)]
// SAFETY: blocks have the size and the alignment of the layout, are exclusive to the caller until freed, and are
// freed to the source that `is_large` yields for their layout: only `realloc` changes a layout, and it moves the
// block if that changes the source. Nothing here unwinds.
unsafe impl GlobalAlloc for ZeroOnFree {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            large::map(layout.size())
        } else {
            small::alloc(layout)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives up the block, which has `layout.size()` bytes.
        unsafe { wipe(block, layout.size()) };
        if is_large(layout) {
            // SAFETY: a block of this layout is a mapping of this size, and is not used after this.
            unsafe { large::unmap(block, layout.size()) };
        } else {
            // SAFETY: a block of this layout came from C, and is freed once.
            unsafe { small::free(block) };
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            // The kernel returns zeroed pages.
            large::map(layout.size())
        } else {
            small::alloc_zeroed(layout)
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that `new_size`, rounded up to the alignment, does not overflow `isize`.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let freed = layout.size().saturating_sub(new_size);
        let stays = match (is_large(layout), is_large(new_layout)) {
            (true, true) => true,
            (false, false) => {
                new_size <= layout.size() && (freed <= new_size || freed < WORTH_MOVING)
            }
            _ => false,
        };
        if !stays {
            // SAFETY: the caller gives the same guarantees for this call.
            return unsafe { moved(block, layout, new_layout) };
        }
        // SAFETY: `freed` is at most the block's size, so the tail is inside the block, or empty at its end.
        let tail = unsafe { block.add(layout.size() - freed) };
        // SAFETY: the tail is the block's last `freed` bytes, which the caller gives up.
        unsafe { wipe(tail, freed) };
        if is_large(layout) {
            // SAFETY: a block of this layout is a mapping of this size; the caller only uses the result from now on.
            return unsafe { large::resize(block, layout.size(), new_size) };
        }
        block
    }
}

/// Allocates a block of the new layout, copies the contents that fit, then wipes and frees the old block.
#[expect(unsafe_code, reason = "copies between raw blocks")]
unsafe fn moved(block: *mut u8, layout: Layout, new_layout: Layout) -> *mut u8 {
    // SAFETY: the caller of `realloc` guarantees that the new size is not zero.
    let moved = unsafe { ZeroOnFree.alloc(new_layout) };
    if !moved.is_null() {
        let kept = layout.size().min(new_layout.size());
        // SAFETY: both blocks have at least `kept` bytes, and the new one is not shared.
        unsafe { moved.copy_from_nonoverlapping(block, kept) };
        // SAFETY: the old block has this layout and is not used again.
        unsafe { ZeroOnFree.dealloc(block, layout) };
    }
    moved
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
        // SAFETY: no test uses size zero.
        let block = unsafe { ZeroOnFree.alloc(layout) };
        assert!(!block.is_null());
        assert_eq!(block.align_offset(layout.align()), 0, "{layout:?}");
        // SAFETY: the block was just allocated with this layout.
        unsafe { block.write_bytes(0x5A, layout.size()) };
        block
    }

    fn bytes<'a>(block: *mut u8, len: usize) -> &'a [u8] {
        // SAFETY: every caller passes a live block of at least `len` initialised bytes.
        unsafe { std::slice::from_raw_parts(block, len) }
    }

    #[test]
    fn every_alignment_is_respected() {
        for align in [1, 2, 4, 8, 16, 32, 64, 4096] {
            for size in [1, 2, 7, 8, 24, 100, 5000] {
                let layout = layout(size, align);
                let block = filled(layout);
                // SAFETY: allocated with this layout, freed once.
                unsafe { ZeroOnFree.dealloc(block, layout) };
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_zero() {
        for (size, align) in [(300, 1), (300, 16), (300, 64), (LARGE, 8)] {
            let layout = layout(size, align);
            // SAFETY: the size is not zero.
            let block = unsafe { ZeroOnFree.alloc_zeroed(layout) };
            assert!(bytes(block, size).iter().all(|byte| *byte == 0));
            // SAFETY: allocated with this layout, freed once.
            unsafe { ZeroOnFree.dealloc(block, layout) };
        }
    }

    #[test]
    fn shrinking_stays_in_place_and_wipes_the_tail() {
        for align in [1, 64] {
            let block = filled(layout(1000, align));
            // SAFETY: allocated with this layout.
            let shrunk = unsafe { ZeroOnFree.realloc(block, layout(1000, align), 333) };
            assert_eq!(shrunk, block);
            // C's block still has 1000 bytes, so reading the tail is allowed.
            assert!(bytes(shrunk, 333).iter().all(|byte| *byte == 0x5A));
            assert!(bytes(shrunk, 1000)[333..].iter().all(|byte| *byte == 0));
            // SAFETY: last resized to this layout, freed once.
            unsafe { ZeroOnFree.dealloc(shrunk, layout(333, align)) };
        }
    }

    #[test]
    fn shrinking_by_much_frees_the_memory() {
        let block = filled(layout(100_000, 1));
        // SAFETY: allocated with this layout.
        let shrunk = unsafe { ZeroOnFree.realloc(block, layout(100_000, 1), 100) };
        assert_ne!(shrunk, block);
        assert!(bytes(shrunk, 100).iter().all(|byte| *byte == 0x5A));
        // SAFETY: last resized to this layout, freed once.
        unsafe { ZeroOnFree.dealloc(shrunk, layout(100, 1)) };
    }

    #[test]
    fn growing_keeps_the_bytes_and_the_alignment() {
        for align in [1, 16, 128] {
            let block = filled(layout(40, align));
            // SAFETY: allocated with this layout.
            let grown = unsafe { ZeroOnFree.realloc(block, layout(40, align), 4000) };
            assert_eq!(grown.align_offset(align), 0);
            assert!(bytes(grown, 40).iter().all(|byte| *byte == 0x5A));
            // SAFETY: last resized to this layout, freed once.
            unsafe { ZeroOnFree.dealloc(grown, layout(4000, align)) };
        }
    }

    #[test]
    fn large_blocks_grow_and_shrink_with_their_bytes() {
        let sizes = [
            LARGE,
            LARGE + 1,
            LARGE * 4,
            LARGE * 2 + 777,
            LARGE,
            LARGE - 1,
            10,
            LARGE * 3,
        ];
        let mut block = filled(layout(LARGE, 16));
        let mut size = LARGE;
        for new_size in sizes {
            // SAFETY: last resized to this layout.
            block = unsafe { ZeroOnFree.realloc(block, layout(size, 16), new_size) };
            assert!(!block.is_null());
            let kept = size.min(new_size);
            assert!(
                bytes(block, kept).iter().all(|byte| *byte == 0x5A),
                "{size} to {new_size}"
            );
            // SAFETY: the block now has this size.
            unsafe { block.write_bytes(0x5A, new_size) };
            size = new_size;
        }
        // SAFETY: last resized to this layout, freed once.
        unsafe { ZeroOnFree.dealloc(block, layout(size, 16)) };
    }

    #[test]
    fn a_shrunk_large_block_has_no_old_bytes_after_its_end() {
        let cut = LARGE + 10;
        let block = filled(layout(LARGE * 2, 1));
        // SAFETY: allocated with this layout.
        let block = unsafe { ZeroOnFree.realloc(block, layout(LARGE * 2, 1), cut) };
        // The rest of the last page is still mapped, so reading it is allowed.
        assert!(
            bytes(block, LARGE + large::ALIGN)[cut..]
                .iter()
                .all(|byte| *byte == 0)
        );
        // SAFETY: last resized to this layout, freed once.
        unsafe { ZeroOnFree.dealloc(block, layout(cut, 1)) };
    }

    #[test]
    fn a_large_block_can_be_aligned_to_more_than_a_page() {
        let layout = layout(LARGE, 1 << 16);
        // SAFETY: the size is not zero.
        let block = unsafe { ZeroOnFree.alloc_zeroed(layout) };
        assert_eq!(block.align_offset(1 << 16), 0);
        assert!(bytes(block, LARGE).iter().all(|byte| *byte == 0));
        // SAFETY: allocated with this layout, freed once.
        unsafe { ZeroOnFree.dealloc(block, layout) };
    }

    #[test]
    fn a_failed_realloc_returns_null_and_keeps_the_old_block() {
        for size in [64, LARGE] {
            let block = filled(layout(size, 1));
            let huge = isize::MAX as usize;
            // SAFETY: allocated with this layout.
            let grown = unsafe { ZeroOnFree.realloc(block, layout(size, 1), huge) };
            assert!(grown.is_null());
            assert!(bytes(block, size).iter().all(|byte| *byte == 0x5A));
            // SAFETY: allocated with this layout, freed once.
            unsafe { ZeroOnFree.dealloc(block, layout(size, 1)) };
        }
    }
}
