//! Changes that a person makes to groups on the phone, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::request::{Body, E164, Params};
use crate::number::Number;
use crate::sim::Sim;
use crate::sim::group::GroupView;
use crate::state::error::Error;
use crate::state::group::Change;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Make {
    account: E164,
    subject: String,
    members: Vec<E164>,
}

pub(super) async fn make(
    State(sim): State<Arc<Sim>>,
    Body(Make {
        account,
        subject,
        members,
    }): Body<Make>,
) -> Result<Json<Value>, Failure> {
    let members: Vec<&str> = members.iter().map(|member| &**member).collect();
    let phone = sim.phone(&account)?;
    let jid = phone.create_group(&subject, &members).await?;
    Ok(Json(json!({ "jid": jid })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    account: E164,
    group: String,
}

pub(super) async fn view(
    State(sim): State<Arc<Sim>>,
    Params(Query { account, group }): Params<Query>,
) -> Result<Json<GroupView>, Failure> {
    Ok(Json(account.of(&sim)?.group(&group)?))
}

/// A change, its author, and its group. Parsed in two steps, so that a field that the kind does not have is rejected.
#[derive(Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Request {
    account: E164,
    group: String,
    kind: Kind,
}

impl TryFrom<Map<String, Value>> for Request {
    type Error = serde_json::Error;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut take = |name| fields.remove(name).unwrap_or(Value::Null);
        Ok(Self {
            account: serde_json::from_value(take("account"))?,
            group: serde_json::from_value(take("group"))?,
            kind: serde_json::from_value(Value::Object(fields))?,
        })
    }
}

/// Variants have braces even if they are empty: only then does serde reject unknown fields.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
    Subject { subject: String },
    Description { description: Option<String> },
    Add { members: Vec<E164> },
    Remove { members: Vec<E164> },
    Leave {},
    Promote { members: Vec<E164> },
    Demote { members: Vec<E164> },
    Announcement { on: bool },
    Locked { on: bool },
    Ephemeral { expiration: u32 },
    Approval { on: bool },
    MemberAdd { on: bool },
    Addressing { by_lid: bool },
    ResetInvite {},
}

impl TryFrom<Kind> for Change {
    type Error = Error;

    fn try_from(kind: Kind) -> Result<Self, Error> {
        let numbers = |members: Vec<E164>| -> Result<Vec<Number>, Error> {
            let parsed = members.iter().map(|member| member.parse::<Number>());
            Ok(parsed.collect::<Result<_, _>>()?)
        };
        Ok(match kind {
            Kind::Subject { subject } => Self::Subject(subject),
            Kind::Description { description } => Self::description(description),
            Kind::Add { members } => Self::Add(numbers(members)?),
            Kind::Remove { members } => Self::Remove(numbers(members)?),
            Kind::Leave {} => Self::Leave,
            Kind::Promote { members } => Self::Promote(numbers(members)?),
            Kind::Demote { members } => Self::Demote(numbers(members)?),
            Kind::Announcement { on } => Self::Announcement(on),
            Kind::Locked { on } => Self::Locked(on),
            Kind::Ephemeral { expiration } => Self::Expiration(expiration),
            Kind::Approval { on } => Self::Approval(on),
            Kind::MemberAdd { on } => Self::MemberAdd(on),
            Kind::Addressing { by_lid } => Self::ByLid(by_lid),
            Kind::ResetInvite {} => Self::reset_invite(),
        })
    }
}

pub(super) async fn change(
    State(sim): State<Arc<Sim>>,
    Body(Request {
        account,
        group,
        kind,
    }): Body<Request>,
) -> Result<Json<Value>, Failure> {
    sim.phone(&account)?
        .change_group(&group, &kind.try_into()?)?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    account: E164,
    code: String,
}

pub(super) async fn join(
    State(sim): State<Arc<Sim>>,
    Body(Join { account, code }): Body<Join>,
) -> Result<Json<Value>, Failure> {
    let member = sim.phone(&account)?.join_group(&code)?;
    Ok(Json(json!({ "member": member })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    account: E164,
    group: String,
    members: Vec<E164>,
    approve: bool,
}

pub(super) async fn decide(
    State(sim): State<Arc<Sim>>,
    Body(Decide {
        account,
        group,
        members,
        approve,
    }): Body<Decide>,
) -> Result<Json<Value>, Failure> {
    let members: Vec<&str> = members.iter().map(|member| &**member).collect();
    sim.phone(&account)?
        .decide_on_requests(&group, &members, approve)?;
    Ok(Json(json!({})))
}
