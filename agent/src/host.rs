//! The host environment: command line and settings, the volume and its key, the sandbox, logging, the service manager
//! and the health check.

pub mod command;
pub mod config;
pub mod exit;
pub mod harden;
pub mod healthcheck;
pub mod keys;
pub mod logging;
pub mod supervisor;
pub mod timekeeper;
pub mod volume;
