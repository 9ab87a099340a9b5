//! Stanzas that the server sends unprompted, over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::request::{Body, E164};
use crate::sim::Sim;
use crate::sim::notice::{NoticeAbout, NoticeKind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notice {
    /// Optional for `companion_reg_refresh`, which is then sent to the sockets that are not linked yet.
    account: Option<E164>,
    kind: String,
    contact: Option<E164>,
    text: Option<String>,
    seconds: Option<u64>,
    id: Option<String>,
}

pub(super) async fn notify(
    State(sim): State<Arc<Sim>>,
    Body(Notice {
        account,
        kind,
        contact,
        text,
        seconds,
        id,
    }): Body<Notice>,
) -> Result<Json<Value>, Failure> {
    let Some(account) = account else {
        if kind == "companion_reg_refresh" {
            return Ok(Json(json!({ "sockets": sim.refresh_registrations() })));
        }
        return Err(Failure::bad_request(
            "no `account`",
            "set the account whose companions receive it",
        ));
    };
    let contact = contact.map(|number| number.parse()).transpose();
    let about = NoticeAbout {
        contact: contact.map_err(crate::state::error::Error::from)?,
        text,
        seconds,
        id,
    };
    let id = sim.notify(&account, &kind, &about)?;
    Ok(Json(json!({ "id": id })))
}

pub(super) async fn kinds(State(sim): State<Arc<Sim>>) -> Json<Vec<NoticeKind>> {
    Json(sim.notice_kinds())
}
