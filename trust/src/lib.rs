//! Authentication for an agent's API, for both ends.
//!
//! The agent and each client have a key of their own and identify the other by its [`Fingerprint`]: there is no
//! certificate authority, and names and dates in certificates are ignored. A client enrolls with a single-use
//! [`Code`] ([`enroll`]), which authenticates both ends, and gets a [`Role`]. [`tls`] connects two ends that know
//! each other's key.
//!
//! This crate stores nothing: the agent stores its clients, and each end its own key.

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

/// The operating system returned no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator failed: {0}")]
pub struct NoRandom(getrandom::Error);
