//! Profiles, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::record::Account;
use super::request::{Body, E164, Params};
use crate::sim::Sim;
use crate::sim::profile::ProfileView;
use crate::wire::content::Base64;

pub(super) async fn view(
    State(sim): State<Arc<Sim>>,
    Params(Account { account }): Params<Account>,
) -> Result<Json<ProfileView>, Failure> {
    Ok(Json(account.of(&sim)?.profile()))
}

/// Without `bytes` the picture is removed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Picture {
    account: E164,
    group: Option<String>,
    bytes: Option<Base64>,
}

pub(super) async fn picture(
    State(sim): State<Arc<Sim>>,
    Body(Picture {
        account,
        group,
        bytes,
    }): Body<Picture>,
) -> Result<Json<Value>, Failure> {
    let phone = sim.phone(&account)?;
    let bytes = bytes.as_ref().map(|bytes| bytes.0.as_slice());
    let id = match group {
        Some(group) => phone.set_group_picture(&group, bytes)?,
        None => phone.set_picture(bytes)?,
    };
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    account: E164,
    name: String,
}

pub(super) async fn name(
    State(sim): State<Arc<Sim>>,
    Body(Name { account, name }): Body<Name>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.set_name(&name);
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    account: E164,
    contact: E164,
    name: String,
}

pub(super) async fn contact(
    State(sim): State<Arc<Sim>>,
    Body(Saved {
        account,
        contact,
        name,
    }): Body<Saved>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.save_contact(&contact, &name)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    account: E164,
    text: String,
}

pub(super) async fn about(
    State(sim): State<Arc<Sim>>,
    Body(About { account, text }): Body<About>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.set_about(&text);
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Business {
    account: E164,
    name: Option<String>,
}

pub(super) async fn business(
    State(sim): State<Arc<Sim>>,
    Body(Business { account, name }): Body<Business>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.set_business(name.as_deref());
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Timer {
    account: E164,
    seconds: u32,
}

pub(super) async fn timer(
    State(sim): State<Arc<Sim>>,
    Body(Timer { account, seconds }): Body<Timer>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.set_timer(seconds);
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Privacy {
    account: E164,
    setting: String,
    value: String,
    #[serde(default)]
    except: Vec<E164>,
}

pub(super) async fn privacy(
    State(sim): State<Arc<Sim>>,
    Body(Privacy {
        account,
        setting,
        value,
        except,
    }): Body<Privacy>,
) -> Result<Json<Value>, Failure> {
    let except: Vec<&str> = except.iter().map(|number| &**number).collect();
    let phone = sim.phone(&account)?;
    phone.set_privacy(&setting, &value, &except)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    account: E164,
    contact: E164,
    blocked: bool,
}

pub(super) async fn block(
    State(sim): State<Arc<Sim>>,
    Body(Block {
        account,
        contact,
        blocked,
    }): Body<Block>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?.block(&contact, blocked)?;
    Ok(Json(json!({})))
}
