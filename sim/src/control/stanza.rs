//! Stanzas and presence, as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, NodeContent};

use super::failure::Failure;
use super::request::{Body, E164};
use crate::sim::Sim;

/// `{"tag", "attrs"?, "children"?, "text"?, "hex"?}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stanza {
    tag: String,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
    #[serde(default)]
    children: Vec<Stanza>,
    text: Option<String>,
    hex: Option<String>,
}

/// A value that looks like a JID is encoded as one.
fn node(stanza: Stanza) -> Result<Node, Failure> {
    const HINT: &str = "`hex` is pairs of 0-9 and a-f";
    let mut node = NodeBuilder::new_dynamic(stanza.tag).build();
    for (name, value) in stanza.attrs {
        match value.contains('@').then(|| value.parse::<Jid>()) {
            Some(Ok(jid)) => node.attrs.insert(name, jid),
            _ => node.attrs.insert(name, value),
        }
    }
    if let Some(text) = stanza.text {
        node.content = Some(NodeContent::String(text.into()));
    } else if let Some(hex) = stanza.hex {
        let pairs = hex.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let bytes = bytes.ok_or_else(|| Failure::bad_request("`hex` is not hexadecimal", HINT))?;
        node.content = Some(NodeContent::Bytes(bytes));
    } else if !stanza.children.is_empty() {
        let children = stanza.children.into_iter().map(self::node);
        let children: Result<Vec<Node>, Failure> = children.collect();
        node.content = Some(NodeContent::Nodes(children?));
    }
    Ok(node)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    account: E164,
    stanza: Stanza,
}

pub(super) async fn send(
    State(sim): State<Arc<Sim>>,
    Body(Send { account, stanza }): Body<Send>,
) -> Result<Json<Value>, Failure> {
    let id = sim.send_stanza(&account, &node(stanza)?)?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Presence {
    from: E164,
    available: bool,
}

pub(super) async fn presence(
    State(sim): State<Arc<Sim>>,
    Body(Presence { from, available }): Body<Presence>,
) -> Result<Json<Value>, Failure> {
    sim.peer(&from)?.set_available(available);
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum TypingState {
    Composing,
    Recording,
    Paused,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Typing {
    from: E164,
    to: E164,
    state: TypingState,
}

pub(super) async fn typing(
    State(sim): State<Arc<Sim>>,
    Body(Typing { from, to, state }): Body<Typing>,
) -> Result<Json<Value>, Failure> {
    let state = match state {
        TypingState::Composing => "composing",
        TypingState::Recording => "recording",
        TypingState::Paused => "paused",
    };
    sim.peer(&from)?.show_typing(&to, state)?;
    Ok(Json(json!({})))
}
