//! A double of the WhatsApp server for tests: it speaks the real wire protocol on loopback, and carries the phones
//! and the contacts that an account needs to be spoken to. It checks every signature and MAC it is sent.
//!
//! It is not a WhatsApp implementation to run anything on: accounts live in memory and the root key is its own.
//!
//! ```no_run
//! # async fn example(qr: &str) -> Result<(), openclaw_sim::Error> {
//! use openclaw_sim::{By, Config, Fault, Sim};
//!
//! let sim = Sim::start(Config::default()).await?; // stops when dropped; clients connect to `sim.url()`
//! let phone = sim.phone("+15550100001")?;
//! phone.scan(qr).await?; // once the client shows its code
//! let peer = sim.peer("+15550100002")?;
//! let id = peer.send_text("+15550100001", "hello", By::Lid).await?;
//! sim.fault_for("+15550100001", Fault::Drop).await?;
//! assert!(sim.acks("+15550100001")?.iter().any(|ack| ack.id == id));
//! assert!(sim.violations().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! sim, server         starts, stops, answers tests    fault     what goes wrong on command
//! connection          one socket: frames and Noise    link      what others may put on it
//! login, pairing      who a socket is                 receive   one stanza, to whoever answers it
//! iq, devices         questions to the server         queue     what a companion has not acked
//! inbound, receipts   what companions send            feed      how far a socket has got in the queue
//! verdict             what clients got wrong
//! outbound, retry, bootstrap   what phones and peers send
//! state               everything known, behind one lock
//! party, adv, link_code        Signal, and the signatures and keys of linking
//! phone, peer         handles for tests               control   all of it over HTTP
//! camera              reads a QR code off a terminal
//! ```

pub mod adv;
mod app_state;
mod bootstrap;
pub mod camera;
mod cert;
mod clock;
mod companion;
mod connection;
pub mod content;
pub mod control;
mod devices;
mod fault;
mod feed;
mod group;
mod id;
mod inbound;
mod iq;
mod link;
pub mod link_code;
mod login;
mod noise;
mod number;
mod outbound;
mod pairing;
pub mod party;
mod peer;
mod phone;
mod queue;
mod receipts;
mod receive;
mod retry;
mod server;
mod sim;
mod stanza;
mod state;
mod sync;
mod unasked;
mod verdict;

pub use companion::About;
pub use fault::{Failure, Fault, IqError, Nack};
pub use noise::Pattern;
pub use number::{InvalidNumber, Number};
pub use pairing::Linked;
pub use peer::{Broadcast, By, Peer, Receipt, Received};
pub use phone::{LinkedDevice, Phone};
pub use queue::Class;
pub use sim::{Config, Error, Owed, Sim};
pub use state::Acked;
pub use verdict::Violation;
