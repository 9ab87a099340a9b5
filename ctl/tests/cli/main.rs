//! The real binary against a scripted agent, over a real unix socket.
//!
//! Printed output is data in `tests/cmd/*.toml`; the code here is the runner, and the tests that data cannot express:
//! codes that must decode, and a terminal that must be restored.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod codes;
mod contexts;
mod enrolling;
mod passkey;
mod picture;
mod program;
mod prompt;
mod screen;
mod script;
mod scripted_agent;
mod sealed;
mod settings;
mod small;
mod terminal;
mod unwritable;
mod watching;
mod web;
