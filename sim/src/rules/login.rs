//! Login: decides whether a socket belongs to a linked companion, belongs to a device that wants to be linked, or is
//! refused.

use std::sync::Arc;

use buffa::Message as _;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::phones::restrictions;
use crate::rules::pairing;
use crate::rules::role::Role;
use crate::state::State;
use crate::state::config::Leniency;
use crate::state::link::{Fate, Link};
use crate::state::restrictions::Restrictions;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::ending::{Failure, LoginFailure, conflict};
use crate::wire::{ending, stanza};

/// Parses the client payload and responds with `pair-device`, `success` or `failure`.
pub(crate) fn admit(
    shared: &Shared,
    link: &Arc<Link>,
    client_static: [u8; 32],
    payload: &[u8],
) -> Result<Role, buffa::DecodeError> {
    let payload = wa::ClientPayload::decode_from_slice(payload)?;
    if let Err(failure) = check_payload(shared, link, &payload) {
        link.end(&ending::failure(failure));
        return Ok(Role::Refused);
    }
    if let (None, Some(registration)) = (payload.username, payload.device_pairing_data.as_option())
    {
        let push_name = payload.push_name.clone();
        return Ok(pairing::begin(
            shared,
            link,
            client_static,
            registration,
            push_name,
        ));
    }
    Ok(match log_in(shared, link, client_static, &payload) {
        Ok(device) => Role::Companion(device),
        Err(failed) if failed.at_once => {
            link.end_at_once(&ending::login_failure(&failed));
            Role::Refused
        }
        Err(failed) => {
            link.end(&ending::login_failure(&failed));
            Role::Refused
        }
    })
}

/// Checks the required fields of the payload. A version that is too old gets 405, a missing or invalid one 400.
fn check_payload(shared: &Shared, link: &Link, payload: &wa::ClientPayload) -> Result<(), Failure> {
    const RULE: &str = "a client payload describes a web client";
    if !shared.config.is_strict(Leniency::Logins) {
        return Ok(());
    }
    let agent = payload.user_agent.as_option();
    let version = agent.and_then(|agent| agent.app_version.as_option());
    let detail = match version {
        None => Err("no version"),
        Some(version) if version.primary != Some(2) || version.secondary.is_none() => {
            Err("the version is not 2.N.N")
        }
        Some(_) if agent.is_none_or(|agent| agent.platform.is_none()) => Err("no platform"),
        Some(_) => Ok(()),
    };
    let who = format!("socket {}", link.id);
    if !lock(&shared.verdicts).check(&who, RULE, detail) {
        return Err(Failure::of(400));
    }
    let build = version.and_then(|version| version.tertiary).unwrap_or(0);
    let secondary = version.and_then(|version| version.secondary).unwrap_or(0);
    let oldest = (3_000, shared.config.oldest_version);
    if (secondary, build) < oldest {
        tracing::info!(link = link.id, secondary, build, "client is outdated");
        return Err(Failure::of(405));
    }
    Ok(())
}

fn log_in(
    shared: &Shared,
    link: &Arc<Link>,
    client_static: [u8; 32],
    payload: &wa::ClientPayload,
) -> Result<DeviceId, LoginFailure> {
    let logged_out = Failure::of(401);
    let number = payload.username.unwrap_or(0).to_string();
    let number: Number = number.parse().map_err(|_| logged_out)?;
    let device = u16::try_from(payload.device.unwrap_or(0)).map_err(|_| logged_out)?;
    let id = (number, device);
    let mut state = lock(&shared.state);
    if let Some(failure) = next_failure(&mut state, &id.0) {
        return Err(failure);
    }
    let expiration = expiration(&state, &id.0)?;
    let companion = state.companion(&id).ok_or(logged_out)?;
    let own_key = companion.noise == client_static;
    let who = verdict::name_of(&id);
    let rule = "a login uses the Noise key that was linked";
    if !lock(&shared.verdicts).require(&who, rule, own_key, "a different static key") {
        return Err(logged_out.into());
    }
    companion.active = false;
    companion.feed = None;
    if let Some(previous) = companion.link.replace(Arc::clone(link)) {
        companion.was_cut = true;
        replace(&previous);
    }
    freeze_if_asked(&mut state, &id.0, link);
    let greetings = [success(&id), routing()];
    for node in greetings
        .iter()
        .chain(&expiration.map(restrictions::expiration))
    {
        state.send_unqueued(link, Some(&id.0), node);
    }
    drop(state);
    shared.announce();
    Ok(id)
}

/// When the clients of the account expire, if that is announced and in the future.
fn expiration(state: &State, number: &Number) -> Result<Option<u64>, Failure> {
    let restrictions = state.users.get(number).map(|user| &user.restrictions);
    match restrictions.is_some_and(Restrictions::is_expired) {
        true => Err(Failure::of(405)),
        false => Ok(restrictions.and_then(|restrictions| restrictions.expiration)),
    }
}

/// Ends a companion's socket because the companion has opened another one.
fn replace(previous: &Link) {
    previous.end(&conflict("replaced", None));
    if !previous.is_live() {
        previous.decide(Fate::Cut);
    }
}

fn next_failure(state: &mut State, number: &Number) -> Option<LoginFailure> {
    let own = state.users.get_mut(number)?.faults.failures.pop_front();
    own.or_else(|| state.faults.failures.pop_front())
}

fn freeze_if_asked(state: &mut State, number: &Number, link: &Link) {
    let everybody = std::mem::take(&mut state.faults.freeze_next);
    if std::mem::take(&mut state.user(number).faults.freeze_next) || everybody {
        link.decide(Fate::Frozen);
    }
}

fn success((number, device): &DeviceId) -> Node {
    NodeBuilder::new("success")
        .attr("from", stanza::server())
        .attr("t", unix_now())
        .attr("props", "27")
        .attr("location", "sim")
        .attr("lid", number.lid_device(*device))
        .attr("creation", unix_now())
        .attr("abprops", "1")
        .attr(
            "companion_enc_static",
            "c2ltLWNvbXBhbmlvbi1zdGF0aWMta2V5LTAxMjM0NTY=",
        )
        .build()
}

/// Routing info for the client's next handshake; its content does not matter.
fn routing() -> Node {
    let info = stanza::content("routing_info", b"\x08\x0csim".to_vec());
    stanza::ib(NodeBuilder::new("edge_routing").children([info]).build())
}
