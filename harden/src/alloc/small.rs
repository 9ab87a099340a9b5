//! Blocks from C's `malloc`. Wiping them is the caller's.

use std::alloc::Layout;

/// What `malloc` aligns every block to: glibc's and musl's `max_align_t` on 64-bit targets.
const ALIGN: usize = 16;

/// `malloc` aligns to less in blocks smaller than the alignment, in some C libraries.
const fn suits_malloc(layout: Layout) -> bool {
    layout.align() <= ALIGN && layout.align() <= layout.size()
}

/// A block of this layout, or null.
#[expect(unsafe_code, reason = "asks C for memory")]
pub(super) fn alloc(layout: Layout) -> *mut u8 {
    if suits_malloc(layout) {
        // SAFETY: any size may be asked of `malloc`.
        return unsafe { libc::malloc(layout.size()) }.cast();
    }
    let mut block = std::ptr::null_mut();
    let align = layout.align().max(size_of::<*mut u8>());
    // SAFETY: `align` is a power of two and a multiple of a pointer's size; `block` is ours to write.
    let failed = unsafe { libc::posix_memalign(&raw mut block, align, layout.size()) };
    if failed != 0 {
        return std::ptr::null_mut();
    }
    block.cast()
}

/// A block of zeros of this layout, or null.
#[expect(unsafe_code, reason = "asks C for memory")]
pub(super) fn alloc_zeroed(layout: Layout) -> *mut u8 {
    if suits_malloc(layout) {
        // SAFETY: any size may be asked of `calloc`.
        return unsafe { libc::calloc(1, layout.size()) }.cast();
    }
    let block = alloc(layout);
    if !block.is_null() {
        // SAFETY: `block` is a fresh block of `layout.size()` bytes.
        unsafe { block.write_bytes(0, layout.size()) };
    }
    block
}

/// Gives a block back.
///
/// # Safety
/// It came from this module and is not used after this.
#[expect(unsafe_code, reason = "gives memory back to C")]
pub(super) unsafe fn free(block: *mut u8) {
    // SAFETY: `malloc`, `calloc` or `posix_memalign` gave it, and the caller gives it up.
    unsafe { libc::free(block.cast()) };
}
