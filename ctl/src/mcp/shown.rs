//! What the tools return: the contract's answers, reduced to what an assistant needs.

pub(super) mod chat;
pub(super) mod content;
pub(super) mod group;
pub(super) mod message;
pub(super) mod person;
pub(super) mod status;
