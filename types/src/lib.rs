//! The vocabulary that the agent and its clients share: people and chats, messages and their events, the link, limits.
//!
//! There is one parser per type. User input is parsed strictly, and errors name the mistake; values from WhatsApp or
//! the store are accepted unchanged. No I/O, no wire types, no clock: time is an argument. `corpus/numbers.tsv` lists
//! unusual inputs with the result that every parser must return.

mod activity;
mod agent_name;
mod backoff;
mod chat_kind;
mod consumer;
mod contact;
pub mod corpus;
mod device;
mod event;
mod exit;
mod finding;
mod group;
mod hardening;
mod lid;
mod link;
pub mod mask;
mod nack;
mod phone;
mod profile;
mod recipient;
mod restriction;
mod send;
mod stored;
mod text;
mod words;

pub use activity::{Activity, Doing};
pub use agent_name::{AgentName, AgentNameError};
pub use backoff::Backoff;
pub use chat_kind::{ChatKind, ChatKinds};
pub use consumer::{Consumer, ConsumerName, ConsumerNameError};
pub use contact::{ChatId, Contact};
pub use device::{Device, DeviceName, DeviceNameError, DevicePlatform, DevicePlatformError};
pub use event::*;
pub use exit::Exit;
pub use finding::{Finding, State};
pub use group::{Group, GroupRole, MAX_GROUP_DESCRIPTION_CHARS, MAX_GROUP_NAME_CHARS, Participant};
pub use hardening::{Confinement, Hardening};
pub use lid::{Lid, LidError};
pub use link::{Account, Link, LinkState, Reason};
pub use nack::{Nack, NackClass};
pub use phone::{Phone, PhoneError};
pub use profile::{MAX_ABOUT_CHARS, MAX_NAME_CHARS, Profile};
pub use recipient::{Recipient, RecipientError};
pub use restriction::Restriction;
pub use send::{
    Card, Draft, MediaId, MediaIdError, MessageId, MessageRef, NewContent, NewFile, NewMessage,
    Outgoing, Payload, Place, Referred, SendOutcome, SendState, Sent, Subject, Token, TokenError,
};
pub use text::{MAX_TEXT_CHARS, Text, TextError};
pub use words::{
    CallState, DropReason, GroupChangeKind, LostReason, RejectReason, SendReason,
    UndecryptableReason,
};
