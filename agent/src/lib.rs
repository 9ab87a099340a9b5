//! The OpenClaw agent: one WhatsApp account as a companion device behind a gRPC API.
//!
//! ```text
//! WhatsApp ==> session ==> journal ==> watch(Seq) ==> grpc ==> clients
//! clients  ==> grpc ==> agent ==> outbox ==> session ==> WhatsApp
//!                         \__ Status (watch) ==> grpc, http
//! ```

pub mod admission;
pub mod agent;
pub mod alerts;
pub mod allow;
pub mod app;
pub mod authorship;
pub mod clients;
pub mod clock;
pub mod command;
pub mod config;
pub mod consumers;
pub mod failpoint;
pub mod first_client;
pub mod grpc;
pub mod harden;
pub mod healthcheck;
pub mod http;
pub mod identity;
pub mod import;
pub mod journal;
pub mod keys;
pub mod logging;
pub mod outbox;
pub mod proxy;
pub mod session;
pub mod start;
pub mod store;
pub mod supervisor;
pub mod timekeeper;
pub mod traffic;
pub mod vault;
pub mod volume;
