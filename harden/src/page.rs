//! One page for one key, kept out of swap, core dumps and forked children.
//!
//! For the key that opens everything else. Where a container allows no locked memory the key still works and
//! [`LockedKey::is_locked`] says so: a warning, not an error. It does not hide the key from a debugger; see
//! [`protect`](crate::process::protect) for that.

use std::io;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags};
use zeroize::Zeroize as _;

use crate::wipe::wipe;

/// What is mapped. A page is at least this large everywhere; where it is larger, the kernel rounds up.
const PAGE: usize = 4096;

/// A 32-byte secret on a page of its own. Dropping it wipes and unmaps the page.
///
/// There is no `Debug` and no `Clone`; the key is seen where it is, through [`LockedKey::with`] or a reference that
/// lives no longer than this. A forked child sees zeros, not the key.
pub struct LockedKey {
    page: NonNull<[u8; 32]>,
    locked: bool,
}

#[expect(unsafe_code, reason = "a raw pointer to memory this value alone owns")]
// SAFETY: the page belongs to this value alone; no thread's state is involved.
unsafe impl Send for LockedKey {}

#[expect(unsafe_code, reason = "a raw pointer to memory this value alone owns")]
// SAFETY: a shared reference only reads, and nothing writes between `new` and `drop`.
unsafe impl Sync for LockedKey {}

impl LockedKey {
    /// Maps a page and lets `fill` write the key straight into it, so that no copy is left elsewhere.
    ///
    /// # Errors
    /// The kernel has no page to give.
    pub fn new(fill: impl FnOnce(&mut [u8; 32])) -> io::Result<Self> {
        let mut key = Self::map()?;
        #[expect(unsafe_code, reason = "the page is reached by its address")]
        // SAFETY: mapped, writable, zeroed by the kernel, aligned as a page is, and `key` is not shared yet.
        fill(unsafe { key.page.as_mut() });
        Ok(key)
    }

    /// Moves a key in: `key` is zeros afterwards, whether or not this succeeds.
    ///
    /// # Errors
    /// The kernel has no page to give.
    pub fn moved(key: &mut [u8; 32]) -> io::Result<Self> {
        let page = Self::new(|bytes| bytes.copy_from_slice(key));
        key.zeroize();
        page
    }

    /// Lends the key for as long as `use_it` runs.
    pub fn with<R>(&self, use_it: impl FnOnce(&[u8; 32]) -> R) -> R {
        use_it(self)
    }

    /// Whether the kernel promised to keep the page out of swap.
    pub const fn is_locked(&self) -> bool {
        self.locked
    }

    #[expect(unsafe_code, reason = "maps and advises a page by its address")]
    fn map() -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE;
        // SAFETY: the kernel chooses the place, so nothing of ours is mapped over.
        let page =
            unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), PAGE, protection, flags) }?;
        let whole = page;
        // SAFETY: the page just mapped, which no one else knows; locking changes no content.
        let locked = unsafe { rustix::mm::mlock(whole, PAGE) }.is_ok();
        // Kernels without one of these are older than 4.14; the key is usable all the same.
        for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
            // SAFETY: the page just mapped, still empty; neither advice changes it in this process.
            let _ = unsafe { rustix::mm::madvise(whole, PAGE, advice) };
        }
        let Some(page) = NonNull::new(page.cast()) else {
            return Err(io::Error::other("the kernel mapped a page at address 0"));
        };
        Ok(Self { page, locked })
    }
}

/// The key, for those who take one behind any pointer.
impl std::ops::Deref for LockedKey {
    type Target = [u8; 32];

    #[expect(unsafe_code, reason = "the page is reached by its address")]
    fn deref(&self) -> &[u8; 32] {
        // SAFETY: mapped and initialised until `drop`; nothing writes to it while `self` is borrowed.
        unsafe { self.page.as_ref() }
    }
}

impl Drop for LockedKey {
    #[expect(unsafe_code, reason = "wipes and unmaps the page this value owns")]
    fn drop(&mut self) {
        // SAFETY: mapped, writable, and no one borrows it any more.
        unsafe { wipe(self.page.as_ptr().cast(), PAGE) };
        // SAFETY: exactly what `map` mapped, used by no one after this. Unmapping unlocks.
        let _ = unsafe { rustix::mm::munmap(self.page.as_ptr().cast(), PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_written_is_the_key_lent() {
        let key = LockedKey::new(|bytes| bytes.fill(7)).expect("a page");
        assert!(key.with(|bytes| *bytes == [7; 32]));
    }

    #[test]
    fn a_moved_key_is_gone_from_where_it_was() {
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
