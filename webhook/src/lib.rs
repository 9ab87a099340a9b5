//! Webhooks as in Standard Webhooks: a signed POST that is repeated with the same id until the receiver answers 2xx.
//!
//! ```text
//! address    where to       signature    with which key       post    one attempt
//! ```
//!
//! The agent's alerts and the relay's webhooks are sent with it. What is sent, when it is repeated and when it is given up is
//! theirs.

mod address;
mod post;
mod signature;

pub use address::{Address, BadAddress};
pub use post::{Attempt, Message, Receiver, Refused, Scope};
pub use signature::{BadKey, SigningKey, read_key_file};
