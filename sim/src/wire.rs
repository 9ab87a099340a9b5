//! The wire format: handshakes, stanzas, and the addresses and content in them. Does not depend on accounts.

pub(crate) mod address;
pub(crate) mod cert;
pub mod content;
pub(crate) mod deflate;
pub(crate) mod ending;
pub(crate) mod file;
pub(crate) mod noise;
pub(crate) mod stanza;
pub(crate) mod tamper;
