//! What is printed, apart from printing it: answers of the agent in, text or JSON shapes out.

mod caller;
pub(crate) mod event;
pub(crate) mod json;
pub(crate) mod rules;
pub(crate) mod size;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod time;
