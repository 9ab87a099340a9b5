//! Blocks from C's `malloc`. The caller wipes them.

use std::alloc::Layout;

/// The alignment that `malloc` guarantees: `max_align_t` of glibc and musl on 64-bit targets.
const ALIGN: usize = 16;

/// True if `malloc` aligns such a block sufficiently. In some C libraries blocks smaller than their alignment are
/// aligned to less.
const fn suits_malloc(layout: Layout) -> bool {
    layout.align() <= ALIGN && layout.align() <= layout.size()
}

/// Allocates a block, or returns null.
#[expect(unsafe_code, reason = "asks C for memory")]
pub(super) fn alloc(layout: Layout) -> *mut u8 {
    if suits_malloc(layout) {
        // SAFETY: `malloc` accepts any size.
        return unsafe { libc::malloc(layout.size()) }.cast();
    }
    let mut block = std::ptr::null_mut();
    let align = layout.align().max(size_of::<*mut u8>());
    // SAFETY: `align` is a power of two and a multiple of the pointer size; `block` is a writable local.
    let failed = unsafe { libc::posix_memalign(&raw mut block, align, layout.size()) };
    if failed != 0 {
        return std::ptr::null_mut();
    }
    block.cast()
}

/// Allocates a zeroed block, or returns null.
#[expect(unsafe_code, reason = "asks C for memory")]
pub(super) fn alloc_zeroed(layout: Layout) -> *mut u8 {
    if suits_malloc(layout) {
        // SAFETY: `calloc` accepts any size.
        return unsafe { libc::calloc(1, layout.size()) }.cast();
    }
    let block = alloc(layout);
    if !block.is_null() {
        // SAFETY: `block` is a new block of `layout.size()` bytes.
        unsafe { block.write_bytes(0, layout.size()) };
    }
    block
}

/// Frees a block.
///
/// # Safety
/// The block came from this module and is not used after this.
#[expect(unsafe_code, reason = "gives memory back to C")]
pub(super) unsafe fn free(block: *mut u8) {
    // SAFETY: the block came from `malloc`, `calloc` or `posix_memalign`, and the caller gives it up.
    unsafe { libc::free(block.cast()) };
}
