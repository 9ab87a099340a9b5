//! The JSON shapes. Programs depend on them: fields are added, never renamed or removed.
//!
//! Names are those of the contract, times are RFC 3339 in UTC, what is absent is `null`, and what
//! is not said is `""`. Phone numbers are whole, unless `--mask` was given.

mod alerts;
mod caller;
mod event;
mod hold;
mod rules;
mod vault;

use openclaw_proto::v1::{self as pb, SendState, StatusResponse};
use prost_types::Timestamp;
use serde::Serialize;

use crate::render::status::{Numbers, state_word};
use alerts::Alerts;
use caller::{Caller, Tls};
pub(crate) use event::Event;
use hold::Hold;
pub(crate) use rules::Rules;
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
    rules: Option<Rules>,
    caller: Option<Caller>,
    tls: Option<Tls>,
    alerts: Option<Alerts>,
    damaged_events: Vec<DamagedEvents>,
    /// `null` when nothing can be known.
    rolled_back: Option<bool>,
    /// Why nothing is sent; `null` when that is not so.
    hold: Option<Hold>,
}

#[derive(Serialize)]
struct Events {
    head: u64,
    oldest: u64,
}

/// Events that should be kept and cannot be read.
#[derive(Serialize)]
struct DamagedEvents {
    first: u64,
    last: u64,
    reason: String,
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
    dropped: u64,
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
    /// `null` where WhatsApp gave none.
    code: Option<i32>,
}

/// The answer of `resume --json`.
#[derive(Serialize)]
pub(crate) struct Resumed {
    connected: bool,
    link: Link,
}

impl Resumed {
    /// The shape of `resume`.
    pub(crate) fn new(link: pb::LinkStatus) -> Self {
        Self {
            connected: link.state() == pb::LinkState::Connected,
            link: Link::new(link, Numbers::Masked),
        }
    }
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
            rules,
            caller,
            tls,
            alerts,
            damaged_events,
            hold,
        } = status.clone();
        let pb::EventRange { head, oldest } = events.unwrap_or_default();
        let pb::Build { version, simulator } = build.unwrap_or_default();
        let pb::Traffic {
            received,
            sent,
            undecryptable,
            dropped,
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
                dropped,
            },
            vault: vault.map(Vault::from),
            hardening: hardening.map(Hardening::from),
            rules: rules.map(Rules::from),
            caller: caller.map(Caller::from),
            tls: tls.map(Tls::from),
            alerts: alerts.map(Alerts::from),
            damaged_events: damaged_events
                .into_iter()
                .map(DamagedEvents::from)
                .collect(),
            rolled_back,
            hold: hold.map(Hold::from),
        }
    }
}

impl From<pb::DamagedEvents> for DamagedEvents {
    fn from(damaged: pb::DamagedEvents) -> Self {
        let pb::DamagedEvents {
            first,
            last,
            reason,
        } = damaged;
        Self {
            first,
            last,
            reason,
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
            code,
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
            code: (code != 0).then_some(code),
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
