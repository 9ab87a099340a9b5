//! The real binary against a scripted agent, over a real unix socket.
//!
//! What it prints is data in `tests/cmd/*.toml`; here are the runner, and what data cannot say:
//! codes that a decoder must read, and a terminal that must be left as it was.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod codes;
mod contexts;
mod enrolling;
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
