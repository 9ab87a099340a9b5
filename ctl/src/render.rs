//! What a person reads, apart from printing it: answers of the agent in, text out. What a program reads is the contract's
//! own JSON shape, from `openclaw-proto`.

pub(crate) mod alerts;
pub(crate) mod caller;
mod content;
pub(crate) mod event;
mod people;
pub(crate) mod rules;
pub(crate) mod size;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod time;
pub(crate) mod word;

/// How much is shown of what is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The default: only what is wrong.
    Wrong,
    /// Everything.
    All,
}
