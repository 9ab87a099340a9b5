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
    clock: Option<Clock>,
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
struct Clock {
    steps: u64,
    last_step_at: Option<String>,
    /// Seconds; negative when it went back.
    last_step: Option<f64>,
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
    /// Of a status; an event knows nothing of it.
    #[serde(flatten)]
    readiness: Option<Readiness>,
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
            link: Link::new(link, Numbers::chosen()),
        }
    }
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    ready_at: Option<String>,
    disconnected_at: Option<String>,
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
            clock,
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
            link: Link::with_readiness(link.unwrap_or_default(), numbers),
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
            clock: clock.map(Clock::from),
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

impl From<pb::Clock> for Clock {
    fn from(clock: pb::Clock) -> Self {
        let pb::Clock {
            steps,
            last_step_at,
            last_step,
        } = clock;
        Self {
            steps,
            last_step_at: time(last_step_at),
            last_step: last_step.map(|step| {
                let whole = step.seconds as f64;
                whole + f64::from(step.nanos) / 1e9
            }),
        }
    }
}

impl Link {
    fn with_readiness(link: pb::LinkStatus, numbers: Numbers) -> Self {
        let readiness = Readiness {
            ready: link.ready,
            ready_at: time(link.ready_at),
            disconnected_at: time(link.disconnected_at),
        };
        Self {
            readiness: Some(readiness),
            ..Self::new(link, numbers)
        }
    }

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
            ready: _,
            ready_at: _,
            disconnected_at: _,
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
            readiness: None,
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
