//! What an agent keeps, and what it decides by it: everything here is in the sealed store, or is read from it.
//!
//! ```text
//! vault       the store, shared            journal    what has happened, in order
//! outbox      what is to be sent           consumers  who has read how far
//! allow       who may write                admission  what happens to what they wrote
//! authorship  who may change what          clients    who may call
//! alerts      what is told, and to be told identity   the agent's own key
//! ```
//!
//! It knows neither WhatsApp's library nor anything of the API. What it must ask of the crates that do is a trait:
//! [`allow::Book`], [`people::People`].

pub mod admission;
pub mod alerts;
pub mod allow;
pub mod authorship;
pub mod clients;
pub mod clock;
pub mod consumers;
pub mod failpoint;
pub mod identity;
pub mod journal;
pub mod outbox;
pub mod people;
pub mod traffic;
pub mod vault;
