//! Calls over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::peer::Addressing;
use super::record::Account;
use super::request::{Body, E164, Params, group_jid};
use crate::sim::Sim;
use crate::sim::call::{Call, CallKind};
use crate::state::call::CallSign;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    from: E164,
    to: E164,
    kind: CallKind,
    /// The calling device; default: the phone.
    #[serde(default)]
    device: u16,
    call: Option<String>,
    #[serde(default)]
    video: bool,
    group: Option<String>,
    duration: Option<u32>,
    #[serde(default)]
    offline: bool,
    #[serde(default)]
    by: Addressing,
}

pub(super) async fn call(
    State(sim): State<Arc<Sim>>,
    Body(Request {
        from,
        to,
        kind,
        device,
        call,
        video,
        group,
        duration,
        offline,
        by,
    }): Body<Request>,
) -> Result<Json<Value>, Failure> {
    let group = group.as_deref().map(group_jid).transpose()?;
    let call = Call {
        kind,
        call,
        video,
        group,
        duration,
        offline,
        by: by.into(),
    };
    let (id, call) = sim.peer(&from)?.on_device(device).call(&to, &call)?;
    Ok(Json(json!({ "id": id, "call": call })))
}

pub(super) async fn calls(
    State(sim): State<Arc<Sim>>,
    Params(Account { account }): Params<Account>,
) -> Result<Json<Vec<CallSign>>, Failure> {
    account.of(&sim)?;
    Ok(Json(sim.calls(&account)?))
}
