//! What travels on a socket: its handshake, its stanzas, the addresses and the content in them. Knows no account.

pub(crate) mod address;
pub(crate) mod cert;
pub mod content;
pub(crate) mod deflate;
pub(crate) mod ending;
pub(crate) mod file;
pub(crate) mod noise;
pub(crate) mod stanza;
pub(crate) mod tamper;
