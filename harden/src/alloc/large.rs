//! Blocks of whole pages, from the kernel. Growing one moves its pages, not its bytes: nothing is left behind.

use rustix::mm::{MapFlags, MremapFlags, ProtFlags};

/// What a mapping is aligned to: the smallest page there is.
pub(super) const ALIGN: usize = 4096;

/// At least `size` bytes of zeros, or null.
#[expect(unsafe_code, reason = "asks the kernel for memory")]
pub(super) fn map(size: usize) -> *mut u8 {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let anywhere = std::ptr::null_mut();
    // SAFETY: the kernel chooses the place, so nothing of ours is mapped over.
    let block =
        unsafe { rustix::mm::mmap_anonymous(anywhere, size, protection, MapFlags::PRIVATE) };
    block.map_or(std::ptr::null_mut(), <*mut _>::cast)
}

/// The block with another size, perhaps elsewhere; or null, and the block is as it was.
///
/// # Safety
/// `block` is a mapping of `size` bytes made here. Unless this returns null, only the result is used from now on.
#[expect(unsafe_code, reason = "resizes memory of the kernel's")]
pub(super) unsafe fn resize(block: *mut u8, size: usize, new_size: usize) -> *mut u8 {
    // SAFETY: exactly the mapping, as the caller vouches; no one else knows its old place.
    let block = unsafe { rustix::mm::mremap(block.cast(), size, new_size, MremapFlags::MAYMOVE) };
    block.map_or(std::ptr::null_mut(), <*mut _>::cast)
}

/// Gives a block back.
///
/// # Safety
/// `block` is a mapping of `size` bytes made here, and is not used after this.
#[expect(unsafe_code, reason = "gives memory back to the kernel")]
pub(super) unsafe fn unmap(block: *mut u8, size: usize) {
    // SAFETY: exactly the mapping, which the caller gives up. It cannot fail on a mapping that is there.
    let _ = unsafe { rustix::mm::munmap(block.cast(), size) };
}
