//! The relay: events of one or many agents into NATS JetStream and to webhooks, and commands back. See docs/relay.md.
//!
//! ```text
//! agent ==> feed ==> record ==> sink/jetstream ==> stream of events
//!             ^                    \__ ledger: what the stream holds, and so what to publish (pure code)
//!             \__ the agent's cursor moves after the sink has stored the event
//! agent ==> feed ==> record ==> sink/webhook ==> receiver, or dead_letters
//! stream of commands ==> commands ==> agent ==> stream of results
//! ```
//!
//! An agent knows neither broker nor receiver, and the relay is one of its enrolled clients. It keeps nothing on disk but dead
//! letters, which have no content.

pub mod agent;
pub mod backoff;
pub mod board;
pub mod broker;
pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod dead_letters;
pub mod feed;
pub mod files;
pub mod http;
pub mod ledger;
pub mod record;
pub mod run;
pub mod sink;
