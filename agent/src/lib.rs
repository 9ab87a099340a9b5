//! The OpenClaw agent: one WhatsApp account as a companion device behind a gRPC API.
//!
//! ```text
//! WhatsApp ==> session ==> journal ==> watch(Seq) ==> grpc ==> clients
//! clients  ==> grpc ==> agent ==> outbox ==> session ==> WhatsApp
//!                         \__ Status (watch) ==> grpc, http
//! ```

pub mod agent;
pub mod alerts;
pub mod app;
pub mod command;
pub mod config;
pub mod first_client;
pub mod grpc;
pub mod harden;
pub mod healthcheck;
pub mod http;
pub mod import;
pub mod keys;
pub mod logging;
pub mod proxy;
pub mod start;
pub mod supervisor;
pub mod timekeeper;
pub mod volume;
