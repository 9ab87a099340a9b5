//! `newsletter` and `w:mex` of channels: creating one, following one, and reading its posts.

use serde_json::{Value, json};
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use super::question::Question;
use crate::number::{DeviceId, Number};
use crate::rules::channels;
use crate::state::channel::{Channel, WATCH_PERIOD};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// The number of posts in a response if the request does not specify it.
const DEFAULT_POST_COUNT: usize = 100;

/// Answers an iq of `newsletter`.
pub(super) fn answer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let node = question.node;
    let Some(child) = question.child else {
        return stanza::error(node, 400, "bad-request");
    };
    // A client names the channel either as the recipient or in the child.
    let named = [stanza::jid(child, "jid"), stanza::jid(node, "to")];
    let mut state = lock(&shared.state);
    let mut named = named.into_iter().flatten();
    let jid = named.find(|jid| channels::find(&mut state, jid).is_some());
    let Some(channel) = jid.and_then(|jid| channels::find(&mut state, &jid)) else {
        return stanza::error(node, 404, "item-not-found");
    };
    let number = |name| stanza::text(child, name).and_then(|text| text.parse().ok());
    let content = match (question.set, child.tag.as_ref()) {
        (true, "live_updates") => {
            channel.watch(id.clone());
            let duration = WATCH_PERIOD.as_secs();
            NodeBuilder::new("live_updates").attr("duration", duration)
        }
        (false, "messages") => {
            let count = number("count").and_then(|count| usize::try_from(count).ok());
            let own = channel.owner.as_ref() == Some(&id.0);
            let posts = channel.page(count.unwrap_or(DEFAULT_POST_COUNT), number("before"));
            let posts = posts.iter().map(|post| post.describe(own));
            NodeBuilder::new("messages")
                .attr("jid", channel.jid())
                .attr("t", crate::clock::unix_now())
                .children(posts)
        }
        _ => return stanza::error(node, 400, "bad-request"),
    };
    stanza::result(node, [content.build()])
}

/// The channels that an account owns or follows.
pub(super) fn subscribed(shared: &Shared, own: &Number) -> Value {
    let state = lock(&shared.state);
    let channels = state.channels.values().filter(|channel| channel.has(own));
    let described = channels.map(|channel| describe(channel, own));
    json!({ "xwa2_newsletter_subscribed": described.collect::<Vec<Value>>() })
}

/// A channel, given by its JID or the code of its link.
pub(super) fn fetch(shared: &Shared, own: &Number, variables: &Value) -> Value {
    let input = &variables["input"];
    let key = input["key"].as_str().unwrap_or_default();
    let state = lock(&shared.state);
    let mut channels = state.channels.values();
    let found = channels.find(|channel| match input["type"].as_str() {
        Some("INVITE") => channel.invite == key,
        _ => channel.jid().to_string() == key,
    });
    let described = found.map(|channel| describe(channel, own));
    json!({ "xwa2_newsletter": described })
}

pub(super) fn create(shared: &Shared, own: &Number, variables: &Value) -> Value {
    let input = &variables["input"];
    let Some(name) = input["name"].as_str().filter(|name| !name.is_empty()) else {
        return json!({ "xwa2_newsletter_create": null });
    };
    let description = input["description"].as_str().unwrap_or_default();
    let mut state = lock(&shared.state);
    let id = channels::create(&mut state, own, name, description);
    let created = state
        .channels
        .get(&id)
        .map(|channel| describe(channel, own));
    json!({ "xwa2_newsletter_create": created })
}

pub(super) fn follow(shared: &Shared, own: &Number, variables: &Value) -> Value {
    let joined = with(shared, variables, |channel| {
        if channel.owner.as_ref() != Some(own) {
            channel.followers.insert(own.clone());
        }
        Some(brief(channel))
    });
    json!({ "xwa2_newsletter_join_v2": joined })
}

pub(super) fn unfollow(shared: &Shared, own: &Number, variables: &Value) -> Value {
    let left = with(shared, variables, |channel| {
        channel.followers.remove(own);
        Some(brief(channel))
    });
    json!({ "xwa2_newsletter_leave_v2": left })
}

/// The owner changes the name or the description.
pub(super) fn update(shared: &Shared, own: &Number, variables: &Value) -> Value {
    let updates = &variables["updates"];
    let updated = with(shared, variables, |channel| {
        if channel.owner.as_ref() != Some(own) {
            return None;
        }
        let fields = [
            ("name", &mut channel.name),
            ("description", &mut channel.description),
        ];
        for (name, field) in fields {
            if let Some(text) = updates[name].as_str() {
                text.clone_into(field);
            }
        }
        let mut described = describe(channel, own);
        described["viewer_metadata"] = Value::Null;
        Some(described)
    });
    json!({ "xwa2_newsletter_update": updated })
}

/// Mutes or unmutes a channel.
pub(super) fn set_mute(shared: &Shared, own: &Number, variables: &Value) -> Value {
    let input = &variables["input"];
    let on = input["value"].as_str() == Some("ON");
    let changed = with(shared, input, |channel| {
        match on {
            true => channel.muted.insert(own.clone()),
            false => channel.muted.remove(own),
        };
        Some(brief(channel))
    });
    json!({ "xwa2_newsletter_update_user_setting": changed })
}

/// Applies a change to the channel in `newsletter_id`, and returns the response.
fn with(
    shared: &Shared,
    variables: &Value,
    change: impl FnOnce(&mut Channel) -> Option<Value>,
) -> Option<Value> {
    let jid: Jid = variables["newsletter_id"].as_str()?.parse().ok()?;
    change(channels::find(&mut lock(&shared.state), &jid)?)
}

fn brief(channel: &Channel) -> Value {
    json!({ "id": channel.jid().to_string(), "state": { "type": "ACTIVE" } })
}

/// A channel as seen by this person.
fn describe(channel: &Channel, viewer: &Number) -> Value {
    let role = match channel.has(viewer) {
        true if channel.owner.as_ref() == Some(viewer) => "OWNER",
        true => "SUBSCRIBER",
        false => "GUEST",
    };
    let text = |text: &str| {
        json!({
            "id": channel.created_at.to_string(),
            "text": text,
            "update_time": (channel.created_at * 1_000_000).to_string(),
        })
    };
    let mute = if channel.muted.contains(viewer) {
        "ON"
    } else {
        "OFF"
    };
    json!({
        "id": channel.jid().to_string(),
        "state": { "type": "ACTIVE" },
        "thread_metadata": {
            "creation_time": channel.created_at.to_string(),
            "description": text(&channel.description),
            "invite": channel.invite,
            "name": text(&channel.name),
            "picture": null,
            "preview": null,
            "settings": { "reaction_codes": { "value": "ALL" } },
            "subscribers_count": channel.followers.len().to_string(),
            "verification": "UNVERIFIED",
        },
        "viewer_metadata": { "mute": mute, "role": role },
    })
}
