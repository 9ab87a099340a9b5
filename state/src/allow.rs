//! Whose messages are allowed: the rules of `openclaw.yml`, and the judgement of a sender by number and by LID.
//!
//! ```text
//! source ──> file ──> policy: Rules ──┐
//! vault: added ───────────────────────┼──> allowlist ──> Allow | Drop | Hold
//! WhatsApp: which LID has a number ───┘
//! ```
//!
//! Nothing here knows WhatsApp's library or the API. What the account itself writes is always allowed.

pub mod allowlist;
pub mod file;
pub mod policy;
pub mod source;
mod variables;

pub use allowlist::{Allowlist, Book, Failed, Refused, Summary};
pub use source::{Error, Loaded, Source};

pub use policy::{Entry, EntryPlace, Index, Mode, Rules, Sender, Verdict, VerdictReason, Who};
