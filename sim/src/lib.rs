//! A double of the WhatsApp server for tests: it speaks the real wire protocol on loopback, and carries the phones
//! and the contacts that an account needs to be spoken to. It checks every signature and MAC it is sent.
//!
//! It is not a WhatsApp implementation to run anything on: accounts live in memory and the root key is its own.

pub mod adv;
pub mod link_code;
pub mod party;
