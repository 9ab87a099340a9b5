//! Blocks of whole pages, mapped from the kernel. Growing a block remaps its pages and copies no bytes, so no copy is
//! left behind.

use rustix::mm::{MapFlags, MremapFlags, ProtFlags};

/// The alignment of a mapping: the smallest page size.
pub(super) const ALIGN: usize = 4096;

/// Maps at least `size` zeroed bytes, or returns null.
#[expect(unsafe_code, reason = "asks the kernel for memory")]
pub(super) fn map(size: usize) -> *mut u8 {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let anywhere = std::ptr::null_mut();
    // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
    let block =
        unsafe { rustix::mm::mmap_anonymous(anywhere, size, protection, MapFlags::PRIVATE) };
    block.map_or(std::ptr::null_mut(), <*mut _>::cast)
}

/// Resizes a block, and may move it. Returns null and leaves the block unchanged if that fails.
///
/// # Safety
/// `block` is a mapping of `size` bytes from [`map`]. Unless this returns null, only the result may be used from now
/// on.
#[expect(unsafe_code, reason = "resizes mapped memory")]
pub(super) unsafe fn resize(block: *mut u8, size: usize, new_size: usize) -> *mut u8 {
    // SAFETY: the caller guarantees that this is the whole mapping and that its old address is not used any more.
    let block = unsafe { rustix::mm::mremap(block.cast(), size, new_size, MremapFlags::MAYMOVE) };
    block.map_or(std::ptr::null_mut(), <*mut _>::cast)
}

/// Unmaps a block.
///
/// # Safety
/// `block` is a mapping of `size` bytes from [`map`], and is not used after this.
#[expect(unsafe_code, reason = "gives memory back to the kernel")]
pub(super) unsafe fn unmap(block: *mut u8, size: usize) {
    // SAFETY: the whole mapping, which the caller gives up. Unmapping an existing mapping cannot fail.
    let _ = unsafe { rustix::mm::munmap(block.cast(), size) };
}
