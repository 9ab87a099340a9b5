//! A rolled back volume: an older copy of the store, put in the place of the present one, as a platform's one-click
//! restore does. The check notices it, and `rollback` decides what follows.

pub(crate) mod check;
mod decide;
mod judge;
mod memory;

pub(crate) use decide::run;
