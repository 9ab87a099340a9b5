//! Alerts about states of the link that need a person, and the progress of their delivery. The HTTP delivery itself
//! is in the agent.
//!
//! ```text
//! rules   what is an alert, and when       queue   delivery: order, delays, abandonment
//! row     the stored form of both                board   the status for clients and metrics
//! ```

mod board;
mod queue;
mod row;
mod rules;

pub use board::{Alert, Board, Counts, State, Tested};
pub use queue::{Failure, Queue, Scope};
pub use row::{AlertSender, Row, keep, load};
pub use rules::{AlertKind, LinkHistory, Notice, Rules};
