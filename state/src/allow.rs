//! Whose messages are admitted: the rules of `openclaw.yml`, and the judgement of a sender by number and by LID.
//!
//! ```text
//! source ──> file ──> policy: Rules ──┐
//! vault: added ───────────────────────┼──> gate ──> Admit | Drop | Hold
//! WhatsApp: which LID has a number ───┘
//! ```
//!
//! Nothing here knows WhatsApp's library or the API. What the account itself writes is always admitted.

pub mod file;
pub mod gate;
pub mod policy;
pub mod source;
mod variables;

pub use gate::{Book, Failed, Gate, Refused, Summary};
pub use source::{Error, Loaded, Source};

pub use policy::{Because, Entry, Index, Mode, Place, Rules, Sender, Verdict, Who};
