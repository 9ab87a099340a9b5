//! The JSON shapes. Programs depend on them: fields are added, never renamed or removed.
//!
//! Names are those of the contract, times are RFC 3339 in UTC, what is absent is `null`, and what
//! is not said is `""`. Only `status` and `pair` mask phone numbers; a program that watches needs
//! them whole.

mod vault;

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{self as pb, SendState, StatusResponse};
use prost_types::Timestamp;
use serde::Serialize;

use crate::render::status::{Numbers, state_word};
use vault::{Hardening, Vault};

/// The answer of `status --json`.
#[derive(Serialize)]
pub(crate) struct Status {
    link: Link,
    started_at: Option<String>,
    events: Events,
    build: Build,
    storage: &'static str,
    pairing: bool,
    traffic: Traffic,
    vault: Option<Vault>,
    hardening: Option<Hardening>,
    /// `null` when nothing can be known.
    rolled_back: Option<bool>,
}

#[derive(Serialize)]
struct Events {
    head: u64,
    oldest: u64,
}

#[derive(Serialize)]
struct Build {
    version: String,
    simulator: bool,
}

#[derive(Serialize)]
struct Traffic {
    received: u64,
    sent: u64,
    undecryptable: u64,
}

#[derive(Serialize)]
struct Link {
    state: &'static str,
    since: Option<String>,
    phone: String,
    lid: String,
    device: String,
    linked_at: Option<String>,
    last_frame_at: Option<String>,
    attempt: u32,
    retry_at: Option<String>,
    banned_until: Option<String>,
    reason: String,
    hint: String,
}

impl Status {
    /// The shape of `status`.
    pub(crate) fn new(
        status: &StatusResponse,
        numbers: Numbers,
        rolled_back: Option<bool>,
    ) -> Self {
        let storage = match status.storage() {
            pb::Storage::Unspecified => "unknown",
            pb::Storage::Memory => "memory",
            pb::Storage::Sealed => "sealed",
        };
        let StatusResponse {
            link,
            started_at,
            events,
            build,
            storage: _,
            pairing,
            traffic,
            vault,
            hardening,
        } = status.clone();
        let pb::EventRange { head, oldest } = events.unwrap_or_default();
        let pb::Build { version, simulator } = build.unwrap_or_default();
        let pb::Traffic {
            received,
            sent,
            undecryptable,
        } = traffic.unwrap_or_default();
        Self {
            link: Link::new(link.unwrap_or_default(), numbers),
            started_at: time(started_at),
            events: Events { head, oldest },
            build: Build { version, simulator },
            storage,
            pairing,
            traffic: Traffic {
                received,
                sent,
                undecryptable,
            },
            vault: vault.map(Vault::from),
            hardening: hardening.map(Hardening::from),
            rolled_back,
        }
    }
}

impl Link {
    fn new(link: pb::LinkStatus, numbers: Numbers) -> Self {
        let state = state_word(link.state());
        let pb::LinkStatus {
            state: _,
            since,
            phone,
            lid,
            device,
            linked_at,
            last_frame_at,
            attempt,
            retry_at,
            banned_until,
            reason,
            hint,
        } = link;
        Self {
            state,
            since: time(since),
            phone: match numbers {
                Numbers::Full => phone,
                Numbers::Masked => numbers.show(&phone),
            },
            lid,
            device,
            linked_at: time(linked_at),
            last_frame_at: time(last_frame_at),
            attempt,
            retry_at: time(retry_at),
            banned_until: time(banned_until),
            reason,
            hint,
        }
    }
}

/// One line of `watch --json`. The field named like `kind` holds what happened.
#[derive(Serialize)]
pub(crate) struct Event {
    seq: u64,
    at: Option<String>,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What {
    Message { message: Message },
    Receipt { receipt: Receipt },
    Link { link: Link },
    Send { send: SendOutcome },
    Undecryptable { undecryptable: Undecryptable },
    Unknown,
}

#[derive(Serialize)]
struct Contact {
    phone: String,
    lid: String,
}

#[derive(Serialize)]
struct Message {
    id: String,
    chat: String,
    sender: Contact,
    push_name: String,
    sent_at: Option<String>,
    from_me: bool,
    group: bool,
    content: String,
    text: String,
    offline: bool,
}

#[derive(Serialize)]
struct Receipt {
    message_ids: Vec<String>,
    chat: String,
    by: Contact,
    state: &'static str,
}

#[derive(Serialize)]
struct SendOutcome {
    token: String,
    message_id: String,
    chat: String,
    state: &'static str,
    reason: String,
}

#[derive(Serialize)]
struct Undecryptable {
    id: String,
    chat: String,
    sender: Contact,
    reason: String,
}

impl From<pb::Event> for Event {
    fn from(event: pb::Event) -> Self {
        let pb::Event { seq, at, kind } = event;
        let what = match kind {
            Some(Kind::Message(message)) => What::Message {
                message: Message::from(message),
            },
            Some(Kind::Receipt(receipt)) => What::Receipt {
                receipt: Receipt::from(receipt),
            },
            Some(Kind::Link(link)) => What::Link {
                link: Link::new(link, Numbers::Full),
            },
            Some(Kind::Send(outcome)) => What::Send {
                send: SendOutcome::from(outcome),
            },
            Some(Kind::Undecryptable(lost)) => What::Undecryptable {
                undecryptable: Undecryptable::from(lost),
            },
            None => What::Unknown,
        };
        let at = time(at);
        Self { seq, at, what }
    }
}

impl From<Option<pb::Contact>> for Contact {
    fn from(contact: Option<pb::Contact>) -> Self {
        let pb::Contact { phone, lid } = contact.unwrap_or_default();
        Self { phone, lid }
    }
}

impl From<pb::Message> for Message {
    fn from(message: pb::Message) -> Self {
        let pb::Message {
            id,
            chat,
            sender,
            push_name,
            sent_at,
            from_me,
            group,
            content,
            text,
            offline,
        } = message;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            push_name,
            sent_at: time(sent_at),
            from_me,
            group,
            content,
            text,
            offline,
        }
    }
}

impl From<pb::Receipt> for Receipt {
    fn from(receipt: pb::Receipt) -> Self {
        let state = send_word(receipt.state());
        let pb::Receipt {
            message_ids,
            chat,
            by,
            state: _,
        } = receipt;
        Self {
            message_ids,
            chat,
            by: Contact::from(by),
            state,
        }
    }
}

impl From<pb::SendOutcome> for SendOutcome {
    fn from(outcome: pb::SendOutcome) -> Self {
        let state = send_word(outcome.state());
        let pb::SendOutcome {
            token,
            message_id,
            chat,
            state: _,
            reason,
        } = outcome;
        Self {
            token,
            message_id,
            chat,
            state,
            reason,
        }
    }
}

impl From<pb::Undecryptable> for Undecryptable {
    fn from(lost: pb::Undecryptable) -> Self {
        let pb::Undecryptable {
            id,
            chat,
            sender,
            reason,
        } = lost;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            reason,
        }
    }
}

/// RFC 3339 in UTC.
pub(crate) fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A state of a sent message, in one word.
pub(crate) fn send_word(state: SendState) -> &'static str {
    match state {
        SendState::Unspecified => "unknown",
        SendState::Accepted => "accepted",
        SendState::ServerAck => "server_ack",
        SendState::Delivered => "delivered",
        SendState::Read => "read",
        SendState::Failed => "failed",
    }
}
