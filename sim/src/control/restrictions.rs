//! Restrictions that WhatsApp imposes on an account, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::request::{Body, E164};
use crate::sim::Sim;

fn default_kind() -> String {
    "DEFAULT".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Timelock {
    account: E164,
    seconds: u64,
    #[serde(default = "default_kind")]
    kind: String,
}

pub(super) async fn timelock(
    State(sim): State<Arc<Sim>>,
    Body(Timelock {
        account,
        seconds,
        kind,
    }): Body<Timelock>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.lock_reachouts(seconds, &kind);
    Ok(Json(json!({})))
}

/// Without `at`, clients do not expire.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expiration {
    account: E164,
    at: Option<u64>,
}

pub(super) async fn expiration(
    State(sim): State<Arc<Sim>>,
    Body(Expiration { account, at }): Body<Expiration>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.expire_clients(at);
    Ok(Json(json!({})))
}
