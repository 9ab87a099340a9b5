//! Removes files from the media host.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::request::{Body, E164};
use crate::sim::Sim;

const fn gone() -> u16 {
    410
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    account: E164,
    /// The id of a message that the account has received or sent.
    id: String,
    #[serde(default = "gone")]
    status: u16,
}

pub(super) async fn remove(
    State(sim): State<Arc<Sim>>,
    Body(Remove {
        account,
        id,
        status,
    }): Body<Remove>,
) -> Result<Json<Value>, Failure> {
    account.of(&sim)?.remove_media(&id, status)?;
    Ok(Json(json!({})))
}
