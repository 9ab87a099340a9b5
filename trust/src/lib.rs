//! Who is who on an agent's API, for both of its ends.
//!
//! An agent and its clients each have a key of their own and know the other by its [`Fingerprint`]: no authority
//! vouches for anyone, no name or date in a certificate is believed. A client becomes known by a one-time [`Code`]
//! ([`enroll`]), which proves each end to the other, and has a [`Role`] from then on. [`tls`] makes the
//! connection of two that know each other.
//!
//! It keeps nothing: who is known is the agent's business, where a key is kept that of its owner.

mod code;
pub mod enroll;
mod fingerprint;
mod identity;
mod role;
pub mod tls;

pub use code::{BadCode, Code, CodeId};
pub use fingerprint::{BadFingerprint, Fingerprint};
pub use identity::{Identity, IdentityError, certificate_pem};
pub use role::{BadRole, Role};

/// The system gave no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator failed: {0}")]
pub struct NoRandom(getrandom::Error);
