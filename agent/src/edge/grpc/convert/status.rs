//! The status of the agent and of the link.

use std::time::{Duration, SystemTime};

use openclaw_proto::v1 as pb;
use openclaw_state::clock::{self, Steps};
use openclaw_state::journal::Damage;
use openclaw_types::{Confinement, Hardening, Link, LinkState, Seq};
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::vault::vault;
use super::{caller, duration, tls};
use crate::edge::grpc::Network;
use crate::edge::grpc::listen::Caller;
use crate::link::{Status, Storage};

/// How long `Resume` waits for an outcome.
const RESUME_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_RESUME_TIMEOUT: Duration = Duration::from_secs(5 * 60);

pub(in crate::edge::grpc) fn resume_request(
    request: pb::ResumeRequest,
) -> Result<Duration, GrpcStatus> {
    let pb::ResumeRequest { timeout } = request;
    duration("timeout", timeout, RESUME_TIMEOUT, MAX_RESUME_TIMEOUT)
}

pub(in crate::edge::grpc) fn resumed(status: Status) -> pb::ResumeResponse {
    let Status {
        link, last_frame, ..
    } = status;
    pb::ResumeResponse {
        link: Some(link_status(link, last_frame)),
    }
}

pub(in crate::edge::grpc) fn status(
    status: Status,
    protection: Hardening,
    network: &Network,
    who: Option<&Caller>,
) -> pb::StatusResponse {
    let readiness = status.readiness(clock::now());
    let ready_at = status.ready_at().map(clock::shown);
    let Status {
        link,
        last_frame,
        pairing,
        started_at,
        events: (Seq(head), Seq(oldest)),
        counts,
        keepalive_limit: _,
        ready_after: _,
        disconnected_at,
        steps,
        storage,
        rules,
        held,
        alerts,
        damaged,
        hold,
    } = status;
    let disconnected_at = (link.state != LinkState::Connected).then_some(disconnected_at);
    let mut link = link_status(link.shown_by(clock::shown), last_frame.map(clock::shown));
    link.ready = readiness.ready;
    link.ready_at = ready_at.map(Timestamp::from);
    link.disconnected_at = disconnected_at.map(clock::shown).map(Timestamp::from);
    pb::StatusResponse {
        link: Some(link),
        agent: Some(super::identity(
            &network.name,
            storage.as_ref().map(Storage::id),
        )),
        started_at: Some(Timestamp::from(clock::shown(started_at))),
        events: Some(pb::EventRange { head, oldest }),
        build: Some(pb::Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            simulator: cfg!(feature = "sim"),
        }),
        pairing,
        traffic: Some(pb::Traffic {
            received: counts.received,
            sent: counts.sent,
            undecryptable: counts.undecryptable,
            dropped: counts.dropped,
        }),
        vault: storage.map(vault),
        hardening: Some(hardening(protection)),
        rules: Some(super::rules(rules, held)),
        caller: caller(who),
        tls: tls(network),
        alerts: Some(super::alerts::alerts_status(&alerts)),
        clock: Some(steps_of_clock(steps)),
        hold: hold.map(super::send_hold),
        damaged_events: damaged.into_iter().map(damaged_events).collect(),
    }
}

fn damaged_events(damage: Damage) -> pb::DamagedEvents {
    let Damage {
        first: Seq(first),
        last: Seq(last),
        why,
    } = damage;
    pb::DamagedEvents {
        first,
        last,
        reason: why,
    }
}

fn steps_of_clock(Steps { count, last }: Steps) -> pb::Clock {
    pb::Clock {
        steps: count,
        last_step_at: last.map(|step| Timestamp::from(clock::shown(step.at))),
        last_step: last.map(|step| prost_types::Duration {
            seconds: step.by / 1000,
            nanos: i32::try_from(step.by % 1000 * 1_000_000).unwrap_or_default(),
        }),
    }
}

fn hardening(hardening: Hardening) -> pb::Hardening {
    let Hardening {
        dumpable,
        core_dumps,
        key_page_locked,
        uid,
        files,
        calls,
        wipes_memory,
    } = hardening;
    pb::Hardening {
        dumpable,
        core_dumps,
        key_page_locked,
        uid,
        landlock: confinement(files).into(),
        seccomp: confinement(calls).into(),
        wipes_memory,
    }
}

const fn confinement(confinement: Confinement) -> pb::Confinement {
    match confinement {
        Confinement::Enforced => pb::Confinement::Enforced,
        Confinement::Partial => pb::Confinement::PartlyEnforced,
        Confinement::Unavailable => pb::Confinement::Unavailable,
    }
}

fn link_status(link: Link, last_frame: Option<SystemTime>) -> pb::LinkStatus {
    let hint = link.hint(clock::now(), clock::utc);
    let mut status = openclaw_proto::convert::link_status(link, hint);
    status.last_frame_at = last_frame.map(Timestamp::from);
    status
}
