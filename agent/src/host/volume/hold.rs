//! Where the data key is kept: on a page of its own, excluded from swap and core dumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openclaw_harden::LockedKey;
use openclaw_vault::{DataKey, Key32, on_heap};

/// True if the page of the current key is locked in memory.
static LOCKED: AtomicBool = AtomicBool::new(false);

/// Moves a data key to its own page, or to the heap if the kernel provides no page.
#[must_use]
pub fn hold(key: Key32) -> DataKey {
    let page = LockedKey::new(|bytes| bytes.copy_from_slice(key.bytes()));
    let locked = page.as_ref().is_ok_and(LockedKey::is_locked);
    LOCKED.store(locked, Ordering::Relaxed);
    match page {
        Ok(page) => Arc::new(page),
        Err(_) => on_heap(key),
    }
}

/// True if the kernel keeps the data key out of swap.
#[must_use]
pub fn is_key_page_locked() -> bool {
    LOCKED.load(Ordering::Relaxed)
}
