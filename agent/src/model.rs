//! Plain domain types: those of `openclaw-types`, and what only an agent has, pairing.
//!
//! No wire type and no I/O; time arrives as an argument.

mod pairing;

pub use openclaw_types::*;
pub use pairing::{Frame, Method, PairFailure, PairRequest, Qr, QrError, Secret};
