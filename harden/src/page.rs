//! A page for a single key, excluded from swap, core dumps and forked children.
//!
//! For the key that protects everything else. If a container does not permit locked memory, the key still works and
//! [`LockedKey::is_locked`] returns false: a warning, not an error. It does not hide the key from a debugger;
//! [`protect`](crate::process::protect) does that.

use std::io;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags};
use zeroize::Zeroize as _;

use crate::wipe::wipe;

/// The size of the mapping: the smallest page size. The kernel rounds up.
const PAGE: usize = 4096;

/// A 32-byte secret on a page of its own. Dropping it wipes and unmaps the page.
///
/// There is no `Debug` and no `Clone`; the key is accessed in place, through [`LockedKey::with`] or a reference. A
/// forked child sees zeros instead of the key.
pub struct LockedKey {
    page: NonNull<[u8; 32]>,
    locked: bool,
}

#[expect(unsafe_code, reason = "a raw pointer to memory this value alone owns")]
// SAFETY: only this value owns the page; no thread-local state is involved.
unsafe impl Send for LockedKey {}

#[expect(unsafe_code, reason = "a raw pointer to memory this value alone owns")]
// SAFETY: shared references only read, and nothing writes between `new` and `drop`.
unsafe impl Sync for LockedKey {}

impl LockedKey {
    /// Maps a page and lets `fill` write the key directly into it, so that no copy is left elsewhere.
    ///
    /// # Errors
    /// The kernel cannot map a page.
    pub fn new(fill: impl FnOnce(&mut [u8; 32])) -> io::Result<Self> {
        let mut key = Self::map()?;
        #[expect(unsafe_code, reason = "the page is reached by its address")]
        // SAFETY: the page is mapped, writable, zeroed and aligned, and `key` is not shared yet.
        fill(unsafe { key.page.as_mut() });
        Ok(key)
    }

    /// Moves a key in. Wipes `key`, also on an error.
    ///
    /// # Errors
    /// The kernel cannot map a page.
    pub fn moved(key: &mut [u8; 32]) -> io::Result<Self> {
        let page = Self::new(|bytes| bytes.copy_from_slice(key));
        key.zeroize();
        page
    }

    /// Passes the key to `use_it`.
    pub fn with<R>(&self, use_it: impl FnOnce(&[u8; 32]) -> R) -> R {
        use_it(self)
    }

    /// True if the kernel keeps the page out of swap.
    pub const fn is_locked(&self) -> bool {
        self.locked
    }

    #[expect(unsafe_code, reason = "maps and advises a page by its address")]
    fn map() -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE;
        // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
        let page =
            unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), PAGE, protection, flags) }?;
        let whole = page;
        // SAFETY: the page was just mapped and is not shared; locking does not change its contents.
        let locked = unsafe { rustix::mm::mlock(whole, PAGE) }.is_ok();
        // Kernels before 4.14 lack some of these; the key is usable nevertheless.
        for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
            // SAFETY: the page was just mapped and is empty; the advice does not change it in this process.
            let _ = unsafe { rustix::mm::madvise(whole, PAGE, advice) };
        }
        let Some(page) = NonNull::new(page.cast()) else {
            return Err(io::Error::other("the kernel mapped a page at address 0"));
        };
        Ok(Self { page, locked })
    }
}

/// For callers that accept a key behind any pointer type.
impl std::ops::Deref for LockedKey {
    type Target = [u8; 32];

    #[expect(unsafe_code, reason = "the page is reached by its address")]
    fn deref(&self) -> &[u8; 32] {
        // SAFETY: mapped and initialised until `drop`; nothing writes while `self` is borrowed.
        unsafe { self.page.as_ref() }
    }
}

impl Drop for LockedKey {
    #[expect(unsafe_code, reason = "wipes and unmaps the page this value owns")]
    fn drop(&mut self) {
        // SAFETY: mapped and writable, and not borrowed any more.
        unsafe { wipe(self.page.as_ptr().cast(), PAGE) };
        // SAFETY: exactly the mapping of `map`, not used after this. Unmapping also unlocks it.
        let _ = unsafe { rustix::mm::munmap(self.page.as_ptr().cast(), PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_key_is_returned() {
        let key = LockedKey::new(|bytes| bytes.fill(7)).expect("a page");
        assert!(key.with(|bytes| *bytes == [7; 32]));
    }

    #[test]
    fn a_moved_key_is_wiped_at_its_source() {
        let mut bytes = [9; 32];
        let key = LockedKey::moved(&mut bytes).expect("a page");
        assert_eq!(bytes, [0; 32]);
        assert!(key.with(|bytes| *bytes == [9; 32]));
    }

    #[test]
    fn a_key_can_be_used_from_another_thread() {
        let key = LockedKey::new(|bytes| bytes.fill(3)).expect("a page");
        let sum = std::thread::spawn(move || key.with(|bytes| bytes.iter().sum::<u8>()));
        assert_eq!(sum.join().expect("a sum"), 96);
    }
}
