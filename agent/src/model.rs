//! Plain domain types: those of `openclaw-types`, and what only an agent has, pairing.
//!
//! No wire type and no I/O; time arrives as an argument.

mod pairing;

pub use openclaw_types::{
    Account, AuthorCheck, ChatId, ChatKind, ChatKinds, ChatSet, Confinement, Consumer,
    ConsumerName, ConsumerNameError, Contact, Content, Deletion, Details, Draft, Dropped, Edit,
    Event, Failure, Filter, Finding, Hardening, Kind, KindSet, Lid, LidError, Link, LinkState,
    Lost, MAX_CHATS, Media, Message, MessageId, Nack, NackClass, NameRef, Occurrence, Origin,
    Phone, PhoneError, Place, Poll, Quoted, Reaction, Reason, Receipt, Recipient, RecipientError,
    Rejected, SendOutcome, SendState, Sent, Seq, State, Text, TextError, Token, TokenError,
    Undecryptable, Word,
};
pub use pairing::{Frame, Method, PairFailure, PairRequest, Qr, QrError, Secret};
