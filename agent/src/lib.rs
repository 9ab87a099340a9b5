//! The OpenClaw agent: one WhatsApp account as a companion device behind a gRPC API.
//!
//! ```text
//! WhatsApp ==> session ==> journal ==> watch(Seq) ==> edge ==> clients
//! clients  ==> edge ==> link ==> outbox ==> session ==> WhatsApp
//!                         \__ Status (watch) ==> edge
//! ```
//!
//! The session is in `openclaw-whatsapp`, journal and outbox are in `openclaw-state`. [`host`] is what the agent asks of
//! its machine, [`alerts`] notifies someone outside, and [`app`] wires it all together.

pub mod alerts;
pub mod app;
pub mod edge;
pub mod host;
pub mod link;
