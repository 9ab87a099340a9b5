//! A volume that went back: an older copy of the store, put in the place of the present one, as a platform's one-click
//! restore does. The lookout notices it, and `rollback` decides what follows.

mod decide;
mod judge;
pub(crate) mod lookout;
mod memory;

pub(crate) use decide::run;
