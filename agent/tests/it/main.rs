//! End-to-end tests: the real binary against the simulator, used like an operator and a platform do.
//!
//! Every test has its own simulator and agent. The logic of single functions is tested in their own files.

#![cfg(feature = "sim")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod alerts;
mod api;
mod authorship;
mod backlog;
mod backup;
mod changes;
mod chats;
mod clients;
mod consumers;
mod contacts;
mod contents;
mod damage;
mod delivery;
mod devices;
mod faults;
mod fleet;
mod floods;
mod flow;
mod foreign;
mod groups;
mod harness;
mod history;
mod http;
mod identity;
mod import;
mod journal;
mod kills;
mod listing;
mod lookups;
mod mcp;
mod media;
mod messages;
mod middle;
mod names;
mod notices;
mod outbox;
mod pairing;
mod passkeys;
mod platform;
mod polls;
mod process;
mod proxied;
mod pulled;
mod relinking;
mod resend;
mod resuming;
mod rolled_back;
mod runbook;
mod sending;
mod settings;
mod supervisor;
mod time;
mod tokens;
mod typing;
mod uploads;
mod versions;
mod volume;
mod watch;
