//! A simulator of the WhatsApp server for tests: it speaks the real wire protocol on loopback, and simulates phones and
//! contacts. It verifies every signature and MAC that it receives.
//!
//! It is not a WhatsApp implementation for production use: accounts live in memory, and it has a root key of its own.
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
//! Each room (module group) imports only those below it (`agent/tests/layers/circles.rs` enforces this):
//!
//! ```text
//! control      all of it over HTTP
//! sim          the API for tests: the simulator, phones, peers, a camera that reads a QR code from a terminal
//! server       the listener, each socket, the media host, fault injection
//! rules        the server's reaction to a stanza, a file for each kind: logins, linking, messages, receipts, iqs
//! phones       the actions of phones and contacts: send, resend, send receipts, serve their companions
//! delivery     queued stanzas: written to sockets, the backlog of a login, acks
//! state        all state, behind one lock: users, companions, queues, sockets, faults, violations
//! signal       Signal, and the signatures and keys of linking
//! wire         handshake, stanzas, addresses, contents
//! ```
//!
//! Where to find a rule of the server: the fields of a login, `rules::login`; the error code of a message,
//! `rules::messages::nack`; the error of an iq, `rules::iq`; what acknowledges a stanza, and the consequence of a
//! wrong ack, `delivery::acks`; how a client requests its backlog, `delivery::backlog`; the effect of a retry receipt,
//! `rules::receipts` and `phones::resend`; a device that cannot decrypt a message, `rules::messages::unopened` and
//! `phones::retry`; a kind of content, `wire::content`, and how a person sees it, `phones::shown`; the end of a
//! stream, `wire::ending`; a stanza that the server sends unprompted, `phones::notices::table`; rate limits,
//! `rules::limits`; a passkey, `rules::pairing::passkey`, and its cryptography, `signal::webauthn` and
//! `signal::shortcake`.

mod clock;
pub mod control;
mod delivery;
mod id;
mod number;
mod phones;
mod rules;
mod server;
mod signal;
mod sim;
mod spare_port;
mod state;
mod sync;
mod wire;

pub use number::{InvalidNumber, Number};
pub use phones::receipts::form::{ReceiptForm, ReceiptType};
pub use phones::shown::Shown;
pub use signal::{adv, link_code, party, shortcake, webauthn};
pub use sim::call::{Call, CallKind};
pub use sim::camera;
pub use sim::group::GroupView;
pub use sim::notice::{NoticeAbout, NoticeKind};
pub use sim::passkey::{CeremonySeen, Passkeys, Stage as PasskeyStage};
pub use sim::peer::{Broadcast, Peer, Unopenable};
pub use sim::phone::{LinkedDevice, Phone};
pub use sim::profile::ProfileView;
pub use sim::{Owed, Sim};
pub use spare_port::spare_port;
pub use state::answers::{History, Resend, Reupload};
pub use state::call::CallSign;
pub use state::companion::About;
pub use state::config::{Config, Leniency};
pub use state::error::{Error, chain};
pub use state::fault::{Fault, IqError, IqSilence, Nack};
pub use state::group::Change as GroupChange;
pub use state::inbox::{Receipt, Received};
pub use state::limits::{Budget, Limited, Limits};
pub use state::media::faults::{MediaFault, Spoilt, Transfer};
pub use state::pairing::Linked;
pub use state::presence::Typing;
pub use state::queue::Class;
pub use state::user::Acked;
pub use state::verdict::Violation;
pub use wire::address::By;
pub use wire::content;
pub use wire::ending::{Failure, LoginFailure};
pub use wire::noise::Pattern;
pub use wire::tamper::Tamper;
