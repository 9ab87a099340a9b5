//! Contacts' devices: more of them, messages that fail to decrypt on them, a reinstalled phone; and messages that no
//! companion can decrypt.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::compose;
use super::failure::Failure;
use super::peer::Addressing;
use super::request::{Body, E164};
use crate::sim::Sim;
use crate::sim::peer::Unopenable;
use crate::wire::content::Content;

/// A limit for tests: a contact has far fewer devices.
const MAX_DEVICES: u16 = 50;
/// Clients stop answering retry receipts after this many.
const MAX_COUNT: u32 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Devices {
    peer: E164,
    count: Option<u16>,
    remove: Option<u16>,
}

pub(super) async fn devices(
    State(sim): State<Arc<Sim>>,
    Body(Devices {
        peer,
        count,
        remove,
    }): Body<Devices>,
) -> Result<Json<Value>, Failure> {
    let count = count.unwrap_or_default();
    if count > MAX_DEVICES {
        return Err(Failure::bad_request(
            format!("{count} devices at once"),
            format!("at most {MAX_DEVICES}"),
        ));
    }
    let peer = sim.peer(&peer)?;
    if let Some(device) = remove {
        peer.remove_device(device)?;
    }
    peer.add_devices(count);
    Ok(Json(json!({ "devices": peer.devices() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    peer: E164,
    #[serde(default)]
    device: u16,
    /// The id of a message that the device has received.
    id: Option<String>,
    /// The number of next messages that fail to decrypt.
    next: Option<u32>,
    /// How often the device requests each message.
    #[serde(default = "once")]
    count: u32,
    keys: Option<bool>,
}

const fn once() -> u32 {
    1
}

pub(super) async fn retry(
    State(sim): State<Arc<Sim>>,
    Body(Retry {
        peer,
        device,
        id,
        next,
        count,
        keys,
    }): Body<Retry>,
) -> Result<Json<Value>, Failure> {
    if !(1..=MAX_COUNT).contains(&count) {
        let hint = format!("from 1 to {MAX_COUNT}");
        return Err(Failure::bad_request(format!("count {count}"), hint));
    }
    let peer = sim.peer(&peer)?.on_device(device);
    match (id, next) {
        (Some(id), None) => peer.ask_again(&id, count, keys)?,
        (None, Some(messages)) => peer.cannot_open(messages, count, keys),
        _ => {
            return Err(Failure::bad_request(
                "either `id` or `next` is required",
                "`id` selects a message that has arrived, `next` the number of future ones",
            ));
        }
    }
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reinstall {
    peer: E164,
}

pub(super) async fn reinstall(
    State(sim): State<Arc<Sim>>,
    Body(Reinstall { peer }): Body<Reinstall>,
) -> Result<Json<Value>, Failure> {
    sim.peer(&peer)?.reinstall();
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Closed {
    from: E164,
    to: E164,
    #[serde(rename = "as")]
    form: Unopenable,
    #[serde(default)]
    by: Addressing,
    /// The message that the account's phone received.
    content: Option<Content>,
}

pub(super) async fn unopenable(
    State(sim): State<Arc<Sim>>,
    Body(Closed {
        from,
        to,
        form,
        by,
        content,
    }): Body<Closed>,
) -> Result<Json<Value>, Failure> {
    let peer = sim.peer(&from)?;
    let message = match content {
        Some(content) => Some(compose(&peer, content, by.into()).await?),
        None => None,
    };
    let id = peer.send_to_phone_only(&to, form, by.into(), message.as_ref())?;
    Ok(Json(json!({ "id": id })))
}
