//! The OpenClaw agent: one WhatsApp account as a companion device behind a gRPC API.
//!
//! ```text
//! WhatsApp ==> session ==> journal ==> watch(Seq) ==> grpc ==> clients
//! clients  ==> grpc ==> agent ==> outbox ==> session ==> WhatsApp
//!                         \__ Status (watch) ==> grpc, http
//! ```

pub mod clock;
pub mod journal;
pub mod model;
pub mod outbox;
pub mod session;
pub mod store;
pub mod traffic;
