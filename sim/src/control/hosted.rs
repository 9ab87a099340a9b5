//! Hosted accounts over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::request::{Body, E164};
use crate::signal::adv::Signing;
use crate::sim::Sim;

/// Which of the two types in the signed identity selects the prefix of the account's signature.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Signed {
    /// The device's type, as in WhatsApp Web.
    #[default]
    ByDevice,
    /// The account's type, as in whatsapp-rust before #1440.
    ByAccount,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hosted {
    account: E164,
    #[serde(default = "yes")]
    hosted: bool,
    #[serde(default)]
    signed: Signed,
}

pub(super) async fn host(
    State(sim): State<Arc<Sim>>,
    Body(Hosted {
        account,
        hosted,
        signed,
    }): Body<Hosted>,
) -> Result<Json<Value>, Failure> {
    let signing = match (hosted, signed) {
        (false, _) => Signing::Ordinary,
        (true, Signed::ByDevice) => Signing::Hosted,
        (true, Signed::ByAccount) => Signing::HostedByAccount,
    };
    sim.phone(&account)?.host(signing);
    Ok(Json(json!({})))
}
