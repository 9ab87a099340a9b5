//! The agent's durable state, and the decisions based on it: everything here is stored in the sealed vault, or read
//! from it.
//!
//! ```text
//! vault       the shared store             journal    events in order
//! outbox      outgoing messages            consumers  stored cursors
//! allow       the allowlist                admission  applies it to messages
//! authorship  who may change a message     clients    API clients
//! alerts      alerts and their queue       identity   the agent's TLS key
//! send_to     limits of recipients
//! presence    who is online (not stored)   lookups    the limit of lookups (not stored)
//! uploads     files to send
//! ```
//!
//! It depends neither on WhatsApp's library nor on the API. What it needs from crates that do is passed in as a
//! trait: [`allow::Book`], [`people::People`].

pub mod admission;
pub mod alerts;
pub mod allow;
pub mod authorship;
pub mod clients;
pub mod clock;
pub mod consumers;
pub mod failpoint;
pub mod hourly;
pub mod identity;
pub mod journal;
pub mod lookups;
pub mod outbox;
pub mod people;
pub mod presence;
pub mod send_to;
pub mod traffic;
pub mod uploads;
pub mod vault;
