//! The OpenClaw agent: one WhatsApp account as a companion device behind a gRPC API.
//!
//! ```text
//! WhatsApp ==> session ==> journal ==> watch(Seq) ==> edge ==> clients
//! clients  ==> edge ==> link ==> outbox ==> session ==> WhatsApp
//!                         \__ Status (watch) ==> edge
//! ```
//!
//! The session is in `openclaw-whatsapp`, journal and outbox are in `openclaw-state`. [`host`] is the interface to the
//! machine, [`alerts`] sends webhooks, and [`app`] wires everything together.

pub mod alerts;
pub mod app;
pub mod edge;
pub mod host;
pub mod link;
