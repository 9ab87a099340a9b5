//! Actions of contacts: sending, reading and receipts; and numbers that are not on WhatsApp.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::{Described, Form};
use super::failure::Failure;
use super::request::{Body, E164, Params, group_jid};
use crate::number::Number;
use crate::phones::receipts::form::{ReceiptForm, ReceiptType};
use crate::sim::Sim;
use crate::sim::peer::Broadcast;
use crate::state::error::Error;
use crate::wire::address::By;
use crate::wire::content::Content;

/// With more messages at once, the server disconnects the client for not reading.
const MAX_FLOOD: u32 = 100_000;
/// After this many messages, other tasks of the server get a turn.
const MESSAGES_PER_YIELD: u32 = 32;

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Addressing {
    #[default]
    Lid,
    Pn,
    LidAlone,
    PnAlone,
}

impl From<Addressing> for By {
    fn from(by: Addressing) -> Self {
        match by {
            Addressing::Lid => Self::Lid,
            Addressing::Pn => Self::Pn,
            Addressing::LidAlone => Self::LidAlone,
            Addressing::PnAlone => Self::PnAlone,
        }
    }
}

/// `to` may be omitted if there is a group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    from: E164,
    to: Option<E164>,
    /// The sending device; the phone if omitted.
    #[serde(default)]
    device: u16,
    text: Option<String>,
    content: Option<Content>,
    group: Option<String>,
    #[serde(default)]
    by: Addressing,
    id: Option<String>,
    /// The kind of message that the text becomes; a plain message if omitted.
    #[serde(default, rename = "as")]
    form: Form,
    /// The message that this one refers to; for a part of an album, the album.
    about: Option<String>,
    /// The chat's timer, in seconds.
    expiration: Option<u32>,
    /// The list for a broadcast: `status`, or the number of a broadcast list.
    broadcast: Option<String>,
}

pub(super) async fn send(
    State(sim): State<Arc<Sim>>,
    Body(Send {
        from,
        to,
        device,
        text,
        content,
        group,
        by,
        id,
        form,
        about,
        expiration,
        broadcast,
    }): Body<Send>,
) -> Result<Json<Value>, Failure> {
    let peer = sim.peer(&from)?.on_device(device);
    let described = Described {
        content,
        text,
        form,
        about,
        expiration,
    };
    let message = described.message(&peer, by.into()).await?;
    let id = match (group, to) {
        (None, Some(to)) if broadcast.is_some() => {
            let list = broadcast.as_deref().unwrap_or_default();
            let list = match list {
                "status" => Broadcast::Status,
                "status_stanza" => Broadcast::StatusStanza,
                number => Broadcast::List(number),
            };
            peer.broadcast(&to, list, message, by.into(), id).await?
        }
        (Some(group), _) => peer.to_group(&group, &message, id, by.into())?,
        (None, Some(to)) => peer.send(&to, message, by.into(), id).await?,
        (None, None) => {
            return Err(Failure::bad_request(
                "neither `to` nor `group`",
                "set the recipient in `to`, or the group",
            ));
        }
    };
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flood {
    from: E164,
    to: E164,
    count: u32,
    #[serde(default)]
    by: Addressing,
}

pub(super) async fn flood(
    State(sim): State<Arc<Sim>>,
    Body(Flood {
        from,
        to,
        count,
        by,
    }): Body<Flood>,
) -> Result<Json<Value>, Failure> {
    if count > MAX_FLOOD {
        return Err(Failure::bad_request(
            format!("{count} messages at once"),
            format!("at most {MAX_FLOOD}"),
        ));
    }
    let peer = sim.peer(&from)?;
    for number in 0..count {
        peer.send_text(&to, &format!("flood {number}"), by.into())
            .await?;
        if number % MESSAGES_PER_YIELD == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(Json(json!({ "sent": count })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    from: E164,
    to: E164,
    id: String,
    #[serde(rename = "type")]
    kind: ReceiptType,
    /// Further messages that the receipt is for.
    #[serde(default)]
    ids: Vec<String>,
    /// The sending device; the phone if omitted.
    #[serde(default)]
    device: u16,
    group: Option<String>,
    /// Members whose receipts are combined into one. Only for a group.
    #[serde(default)]
    members: Vec<E164>,
    recipient: Option<E164>,
    #[serde(default)]
    by: Addressing,
}

pub(super) async fn receipt(
    State(sim): State<Arc<Sim>>,
    Body(Receipt {
        from,
        to,
        id,
        kind,
        ids,
        device,
        group,
        members,
        recipient,
        by,
    }): Body<Receipt>,
) -> Result<Json<Value>, Failure> {
    if group.is_none() && !members.is_empty() {
        return Err(Failure::bad_request(
            "`members` without a `group`",
            "set the group of the message",
        ));
    }
    let number = |number: &E164| number.parse::<Number>().map_err(Error::from);
    let members: Result<Vec<Number>, Error> = members.iter().map(number).collect();
    let form = ReceiptForm {
        kind,
        id,
        rest: ids,
        group: group.as_deref().map(group_jid).transpose()?,
        members: members?,
        recipient: recipient.as_ref().map(number).transpose()?,
        by: by.into(),
    };
    let peer = sim.peer(&from)?.on_device(device);
    peer.send_receipt_of(&to, &form)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Online {
    peer: E164,
    online: bool,
}

pub(super) async fn online(
    State(sim): State<Arc<Sim>>,
    Body(Online { peer, online }): Body<Online>,
) -> Result<Json<Value>, Failure> {
    sim.peer(&peer)?.set_online(online);
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inbox {
    peer: E164,
    /// Returns the messages as received, without applying edits, deletions, reactions and votes.
    #[serde(default)]
    raw: bool,
}

pub(super) async fn inbox(
    State(sim): State<Arc<Sim>>,
    Params(Inbox { peer, raw }): Params<Inbox>,
) -> Result<Response, Failure> {
    let peer = sim.peer(&peer)?;
    Ok(match raw {
        true => Json(peer.inbox()).into_response(),
        false => Json(peer.sees()).into_response(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unknown {
    number: E164,
}

pub(super) async fn unknown(
    State(sim): State<Arc<Sim>>,
    Body(Unknown { number }): Body<Unknown>,
) -> Result<Json<Value>, Failure> {
    sim.unknown(&number)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spelling {
    number: E164,
    also: E164,
}

pub(super) async fn spelling(
    State(sim): State<Arc<Sim>>,
    Body(Spelling { number, also }): Body<Spelling>,
) -> Result<Json<Value>, Failure> {
    sim.spelling(&number, &also)?;
    Ok(Json(json!({})))
}
