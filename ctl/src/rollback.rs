//! A rolled back volume: an older copy of the store replaced the current one, as a platform's one-click restore does.
//! `check` detects it, and `rollback` resolves it.

pub(crate) mod check;
mod decide;
mod judge;
mod memory;

pub(crate) use decide::run;
