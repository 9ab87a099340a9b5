//! End-to-end tests: the real relay between the real agent, linked to the simulator, and real NATS servers.
//!
//! They need `nats-server` and the programs of the workspace, built with the agent's feature `sim`, so they are ignored by
//! default: see scripts/test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod commands;
mod events;
mod harness;
mod kills;
mod many;
mod network;
mod webhooks;
