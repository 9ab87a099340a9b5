//! Queries of the server's state: acks, queues, verdicts, accounts, the simulator itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::failure::Failure;
use super::request::{E164, Params};
use crate::sim::{Owed, Sim};
use crate::state::user::Acked;
use crate::state::verdict::Violation;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) account: E164,
}

pub(super) async fn acks(
    State(sim): State<Arc<Sim>>,
    Params(Account { account }): Params<Account>,
) -> Result<Json<Vec<Acked>>, Failure> {
    account.of(&sim)?;
    Ok(Json(sim.acks(&account)?))
}

pub(super) async fn queue(
    State(sim): State<Arc<Sim>>,
    Params(Account { account }): Params<Account>,
) -> Result<Json<Vec<Owed>>, Failure> {
    account.of(&sim)?;
    Ok(Json(sim.queue(&account)?))
}

#[derive(Serialize)]
pub(super) struct Verdict {
    violations: Vec<Violation>,
    checks: u64,
}

pub(super) async fn verify(State(sim): State<Arc<Sim>>) -> Json<Verdict> {
    Json(Verdict {
        violations: sim.violations(),
        checks: sim.checks(),
    })
}

pub(super) async fn cert(State(sim): State<Arc<Sim>>) -> Json<Value> {
    Json(json!({ "root": HEXLOWER.encode(&sim.root_key()) }))
}

pub(super) async fn accounts(State(sim): State<Arc<Sim>>) -> Result<Json<Vec<Value>>, Failure> {
    let mut accounts = Vec::new();
    for number in sim.numbers() {
        let phone = sim.phone(&number)?;
        let lid = phone.number().lid().to_string();
        let companions = phone.companions();
        let active = companions.iter().filter(|companion| companion.active);
        accounts.push(json!({
            "account": number,
            "lid": lid,
            "companions": companions.len(),
            "active": active.count(),
        }));
    }
    Ok(Json(accounts))
}

pub(super) async fn health(State(sim): State<Arc<Sim>>) -> Json<Value> {
    Json(json!({ "status": "ok", "listen": sim.url(), "media": sim.media_url() }))
}
