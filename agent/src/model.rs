//! Plain domain types: what a message, a phone number and a link state are here.
//!
//! Imports nothing of ours but `openclaw-types`, whose names it re-exports; no wire type and no I/O; time arrives as an
//! argument.

mod chat_kind;
mod consumer;
mod event;
mod finding;
mod hardening;
mod link;
mod nack;
mod pairing;
mod send;
mod stored;

pub use chat_kind::{ChatKind, ChatKinds};
pub use consumer::{Consumer, ConsumerName, ConsumerNameError};
pub use event::{
    AuthorCheck, ChatSet, Content, Deletion, Details, Dropped, Edit, Event, Filter, Kind, KindSet,
    Lost, MAX_CHATS, Media, Message, NameRef, Occurrence, Origin, Place, Poll, Quoted, Reaction,
    Receipt, Rejected, Seq, Undecryptable, Word,
};
pub use finding::{Finding, State};
pub use hardening::{Confinement, Hardening};
pub use link::{Account, Link, LinkState, Reason};
pub use nack::{Nack, NackClass};
pub use openclaw_types::{
    ChatId, Contact, Lid, LidError, Phone, PhoneError, Recipient, RecipientError, Text, TextError,
};
pub use pairing::{Frame, Method, PairFailure, PairRequest, Qr, QrError, Secret};
pub use send::{Draft, Failure, MessageId, SendOutcome, SendState, Sent, Token, TokenError};
