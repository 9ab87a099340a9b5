//! The allowlist: the rules of `openclaw.yml`, and the verdict on a sender by number and by LID.
//!
//! ```text
//! source ──> file ──> policy: Rules ──┐
//! vault: added ───────────────────────┼──> allowlist ──> Allow | Drop | Hold
//! WhatsApp: the LIDs of numbers   ───┘
//! ```
//!
//! This module knows neither WhatsApp's library nor the API. Messages of the account itself are always allowed.

pub mod allowlist;
pub mod file;
pub mod policy;
pub mod source;
mod variables;

pub use allowlist::{Allowlist, Book, Failed, Refused, Summary};
pub use source::{Error, Loaded, Source};

pub use policy::{
    Entry, EntryPlace, Index, Mode, Recipients, Rules, Sender, Verdict, VerdictReason, Who,
};
