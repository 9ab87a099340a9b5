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
//! Each room knows those below it, and none above (`agent/tests/layers/circles.rs` holds it to that):
//!
//! ```text
//! control      all of it over HTTP
//! sim          what tests hold: the simulator, phones, peers, a camera that reads a QR code off a terminal
//! server       listens; one socket; the media host; brings faults about
//! rules        what the server makes of a stanza, a file for each kind: logins, linking, messages, receipts, questions
//! phones       what phones and contacts do by themselves: send, seal again, confirm, serve their companions
//! delivery     what companions are owed: put on their sockets, the backlog of a login, what settles it
//! state        everything known, behind one lock: users, companions, queues, sockets, faults, violations
//! signal       Signal, and the signatures and keys of linking
//! wire         handshake, stanzas, addresses, contents
//! ```
//!
//! Where a rule of the server goes: what a login must look like, `rules::login`; which error a message gets,
//! `rules::messages::nack`; an error for a question, `rules::iq`; what settles a stanza and what a wrong ack costs,
//! `delivery::acks`; how a backlog is pulled, `delivery::backlog`; what a retry receipt leads to, `rules::receipts` and
//! `phones::resend`; what a device does that cannot open something, `rules::messages::unopened` and `phones::retry`; a kind of
//! content, `wire::content`, and what a person sees of it, `phones::shown`; how a stream ends, `wire::ending`; a notice of the
//! server's, `phones::notices::table`; how many requests are too many, `rules::limits`; a passkey, `rules::pairing::passkey`, and its
//! cryptography, `signal::webauthn` and `signal::shortcake`.

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
