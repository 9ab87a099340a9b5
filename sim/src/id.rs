//! Generates ids of stanzas and messages.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngExt as _;

static NEXT: AtomicU64 = AtomicU64::new(1);
static NEXT_PLACE: AtomicU64 = AtomicU64::new(1);

/// The position of a message among all messages of this process: timestamps in seconds are too coarse to order them.
pub(crate) fn place() -> u64 {
    NEXT_PLACE.fetch_add(1, Ordering::Relaxed)
}

/// An id for an iq or a notification, unique in this process.
pub(crate) fn stanza() -> String {
    format!("sim-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A message id in the form that phones use.
pub(crate) fn message() -> String {
    let mut bytes = [0u8; 15];
    rand::rng().fill(&mut bytes[..]);
    let mut id = String::with_capacity(32);
    id.push_str("3A");
    for byte in bytes {
        id.push_str(&format!("{byte:02X}"));
    }
    id
}

/// A `<ref>` of the same length as WhatsApp's.
pub(crate) fn reference() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rng = rand::rng();
    let tail: String = (0..86)
        .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
        .collect();
    format!("2@{tail}==")
}
