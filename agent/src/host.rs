//! The machine the agent runs on: how it is told what to do, the volume and its key, the sandbox, the log, and who looks
//! whether it is well.

pub mod command;
pub mod config;
pub mod exit;
pub mod harden;
pub mod healthcheck;
pub mod keys;
pub mod logging;
pub mod proxy;
pub mod supervisor;
pub mod timekeeper;
pub mod volume;
