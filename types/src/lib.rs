//! What an agent and its clients both name: people and chats, messages and what happens to them, the link, limits.
//!
//! One parser for each: what a person gives is read strictly and refused by name; what WhatsApp or the store gives is
//! taken as it is. No I/O, no wire type, no clock: time arrives as an argument. `corpus/numbers.tsv` lists odd inputs and
//! the one answer that every reader gives.

mod agent_name;
mod backoff;
mod chat_kind;
mod consumer;
mod contact;
pub mod corpus;
mod event;
mod exit;
mod finding;
mod hardening;
mod lid;
mod link;
pub mod mask;
mod nack;
mod phone;
mod recipient;
mod send;
mod stored;
mod text;
mod words;

pub use agent_name::{AgentName, AgentNameError};
pub use backoff::Backoff;
pub use chat_kind::{ChatKind, ChatKinds};
pub use consumer::{Consumer, ConsumerName, ConsumerNameError};
pub use contact::{ChatId, Contact};
pub use event::*;
pub use exit::Exit;
pub use finding::{Finding, State};
pub use hardening::{Confinement, Hardening};
pub use lid::{Lid, LidError};
pub use link::{Account, Link, LinkState, Reason};
pub use nack::{Nack, NackClass};
pub use phone::{Phone, PhoneError};
pub use recipient::{Recipient, RecipientError};
pub use send::{
    Card, Draft, MessageId, MessageRef, NewContent, NewMessage, Outgoing, Payload, Place, Referred,
    SendOutcome, SendState, Sent, Subject, Token, TokenError,
};
pub use text::{MAX_TEXT_CHARS, Text, TextError};
pub use words::{DropReason, LostReason, RejectReason, SendReason, UndecryptableReason};
