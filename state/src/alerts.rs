//! What someone outside is notified of when the link needs a person, and how far it has come. Delivery is elsewhere.
//!
//! ```text
//! rules   what is an alert, and when       queue   its way to the receiver: order, waits, giving up
//! row     how both are kept                board   what may be reported of it
//! ```

mod board;
mod queue;
mod row;
mod rules;

pub use board::{Alert, Board, Counts, State, Tested};
pub use queue::{Failure, Queue, Scope};
pub use row::{AlertSender, Row, keep, load};
pub use rules::{AlertKind, LinkHistory, Notice, Rules};
