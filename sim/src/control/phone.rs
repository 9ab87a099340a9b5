//! Actions of the person with the phone: scanning, entering a code, unlinking, reading, sending.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::content::{Described, Form};
use super::failure::Failure;
use super::record::Account;
use super::request::{Body, E164, Params};
use crate::sim::Sim;
use crate::sim::phone::LinkedDevice;
use crate::state::answers::{History, Resend, Reupload};
use crate::state::pairing::Linked;
use crate::wire::address::By;
use crate::wire::content::Content;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    qr: String,
    account: Option<E164>,
}

pub(super) async fn scan(
    State(sim): State<Arc<Sim>>,
    Body(Scan { qr, account }): Body<Scan>,
) -> Result<Json<Linked>, Failure> {
    let phone = match account {
        Some(account) => sim.phone(&account)?,
        None => sim.phone_named_by(&qr)?,
    };
    Ok(Json(phone.scan(&qr).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    account: E164,
    code: String,
}

pub(super) async fn code(
    State(sim): State<Arc<Sim>>,
    Body(Code { account, code }): Body<Code>,
) -> Result<Json<Linked>, Failure> {
    Ok(Json(sim.phone(&account)?.enter_code(&code).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlink {
    account: E164,
    device: Option<u16>,
}

pub(super) async fn unlink(
    State(sim): State<Arc<Sim>>,
    Body(Unlink { account, device }): Body<Unlink>,
) -> Result<Json<Value>, Failure> {
    let phone = account.of(&sim)?;
    let linked = phone
        .companions()
        .into_iter()
        .map(|companion| companion.device);
    let removed: Vec<u16> = linked
        .filter(|linked| device.is_none_or(|device| device == *linked))
        .collect();
    phone.unlink(device).await?;
    Ok(Json(json!({ "removed": removed })))
}

pub(super) async fn devices(
    State(sim): State<Arc<Sim>>,
    Params(Account { account }): Params<Account>,
) -> Result<Json<Vec<LinkedDevice>>, Failure> {
    Ok(Json(account.of(&sim)?.companions()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    account: E164,
    /// May be omitted if there is a group.
    to: Option<E164>,
    group: Option<String>,
    text: Option<String>,
    content: Option<Content>,
}

pub(super) async fn send(
    State(sim): State<Arc<Sim>>,
    Body(Send {
        account,
        to,
        group,
        text,
        content,
    }): Body<Send>,
) -> Result<Json<Value>, Failure> {
    let phone = sim.phone(&account)?.as_peer();
    let described = Described {
        content,
        text,
        form: Form::Text,
        about: None,
        expiration: None,
    };
    let message = described.message(&phone, By::Lid).await?;
    let id = match (group, to) {
        (Some(group), _) => phone.to_group(&group, &message, None, By::Lid)?,
        (None, Some(to)) => phone.send(&to, message, By::Lid, None).await?,
        (None, None) => {
            return Err(Failure::bad_request(
                "neither `to` nor `group`",
                "set the recipient in `to`, or the group",
            ));
        }
    };
    Ok(Json(json!({ "id": id })))
}

/// Omitted fields remain unchanged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    account: E164,
    reupload: Option<Reupload>,
    history: Option<History>,
    resend: Option<Resend>,
}

pub(super) async fn answers(
    State(sim): State<Arc<Sim>>,
    Body(Answers {
        account,
        reupload,
        history,
        resend,
    }): Body<Answers>,
) -> Result<Json<Value>, Failure> {
    let phone = sim.phone(&account)?;
    if let Some(answer) = reupload {
        phone.answer_reuploads(answer);
    }
    if let Some(answer) = history {
        phone.answer_history(answer);
    }
    if let Some(answer) = resend {
        phone.answer_resends(answer);
    }
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Post {
    account: E164,
    channel: String,
    text: String,
}

pub(super) async fn post(
    State(sim): State<Arc<Sim>>,
    Body(Post {
        account,
        channel,
        text,
    }): Body<Post>,
) -> Result<Json<Value>, Failure> {
    let id = sim.phone(&account)?.post_in_channel(&channel, &text);
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bot {
    account: E164,
}

pub(super) async fn bot(
    State(sim): State<Arc<Sim>>,
    Body(Bot { account }): Body<Bot>,
) -> Result<Json<Value>, Failure> {
    let id = sim.phone(&account)?.answer_by_bot();
    Ok(Json(json!({ "id": id })))
}
