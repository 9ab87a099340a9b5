//! Text output for a person: formats the agent's responses, and prints nothing. Programs get the contract's JSON form,
//! from `openclaw-proto`.

pub(crate) mod activity;
pub(crate) mod alerts;
pub(crate) mod caller;
pub(crate) mod contact;
mod content;
pub(crate) mod event;
pub(crate) mod group;
mod network;
mod people;
pub(crate) mod poll;
pub(crate) mod rules;
pub(crate) mod size;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod time;
pub(crate) mod word;

/// How much is shown of healthy parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The default: only problems.
    Wrong,
    /// Everything.
    All,
}
