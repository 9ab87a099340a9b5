//! Numbers over HTTP: changing a number, hiding it, and accounts that are not migrated to LIDs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::request::{Body, E164};
use crate::sim::Sim;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    peer: E164,
    new: E164,
}

pub(super) async fn change(
    State(sim): State<Arc<Sim>>,
    Body(Change { peer, new }): Body<Change>,
) -> Result<Json<Value>, Failure> {
    let moved = sim.peer(&peer)?.change_number(&new)?;
    let lid = moved.number().lid().to_string();
    Ok(Json(json!({ "lid": lid })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hide {
    peer: E164,
    hidden: bool,
}

pub(super) async fn hide(
    State(sim): State<Arc<Sim>>,
    Body(Hide { peer, hidden }): Body<Hide>,
) -> Result<Json<Value>, Failure> {
    let peer = sim.peer(&peer)?;
    peer.hide_number(hidden);
    Ok(Json(json!({ "lid": peer.number().lid().to_string() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Migrated {
    account: E164,
    migrated: bool,
}

pub(super) async fn migrated(
    State(sim): State<Arc<Sim>>,
    Body(Migrated { account, migrated }): Body<Migrated>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.set_lid_migrated(migrated);
    Ok(Json(json!({})))
}
