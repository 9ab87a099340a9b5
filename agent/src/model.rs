//! Plain domain types: what a message, a phone number and a link state are here.
//!
//! Imports nothing of ours, no wire type and no I/O; time arrives as an argument.

mod consumer;
mod contact;
mod event;
mod finding;
mod hardening;
mod link;
mod nack;
mod pairing;
mod phone;
mod send;
mod stored;

pub use consumer::{Consumer, ConsumerName, ConsumerNameError};
pub use contact::{ChatId, Contact, Lid, LidError, Recipient, RecipientError};
pub use event::{
    ChatSet, Content, Deletion, Details, Dropped, Edit, Event, Filter, Kind, KindSet, Lost,
    MAX_CHATS, Media, Message, Occurrence, Origin, Place, Poll, Quoted, Reaction, Receipt, Seq,
    Undecryptable, Word,
};
pub use finding::{Finding, State};
pub use hardening::{Confinement, Hardening};
pub use link::{Account, Link, LinkState, Reason};
pub use nack::{Nack, NackClass};
pub use pairing::{Frame, Method, PairFailure, PairRequest, Qr, QrError, Secret};
pub use phone::{Phone, PhoneError};
pub use send::{
    Draft, Failure, MessageId, SendOutcome, SendState, Sent, Text, TextError, Token, TokenError,
};
