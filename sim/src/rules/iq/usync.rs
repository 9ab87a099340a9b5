//! `usync`: whether users are on WhatsApp, their LIDs and their devices.
//!
//! The response has an entry for each user in the query, with the number in the server's spelling: `in`, `out`, or
//! `invalid` if the text is not a number. A user is omitted only if the client's hash shows that it has the current
//! device list.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{CompactString, Jid, Node};

use crate::clock::unix_now;
use crate::number::{DeviceId, Number, PROVIDER};
use crate::phones::profile::verified_name;
use crate::rules::iq::question::Question;
use crate::state::State;
use crate::state::shared::Shared;
use crate::state::user::User;
use crate::sync::lock;
use crate::wire::stanza;

pub(super) fn answer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let usync = question.child.filter(|child| child.tag == "usync");
    let Some(usync) = usync else {
        return stanza::error(question.node, 400, "bad-request");
    };
    let asked: Vec<&str> = usync
        .get_optional_child("query")
        .map(stanza::children)
        .unwrap_or_default()
        .iter()
        .map(|protocol| protocol.tag.as_ref())
        .collect();
    let contact = usync
        .get_optional_child("query")
        .and_then(|query| query.get_optional_child("contact"));
    let by_lid = contact.is_some_and(|contact| stanza::is(contact, "addressing_mode", "lid"));
    let list = usync
        .get_optional_child("list")
        .map(stanza::children)
        .unwrap_or_default();
    let mut state = lock(&shared.state);
    let users: Vec<Node> = list
        .iter()
        .filter(|entry| entry.tag == "user")
        .filter_map(|entry| answer_user(&mut state, &id.0, entry, &asked, by_lid))
        .collect();
    drop(state);
    let answer = envelope(usync, &asked, users);
    stanza::result(question.node, [answer])
}

/// The `<usync>` of a response, with the attributes of the request.
fn envelope(request: &Node, asked: &[&str], users: Vec<Node>) -> Node {
    let results = asked
        .iter()
        .map(|tag| NodeBuilder::new_dynamic((*tag).to_owned()).build());
    let mut answer = NodeBuilder::new("usync")
        .attr("index", "0")
        .attr("last", "true");
    for name in ["mode", "context", "sid"] {
        if let Some(value) = request.attrs.get(name) {
            answer = answer.attr(name, value.clone());
        }
    }
    let result = NodeBuilder::new("result").children(results).build();
    let list = NodeBuilder::new("list").children(users).build();
    answer.children([result, list]).build()
}

/// The user in an entry of a query.
enum Subject {
    /// A user with a number, who may be on WhatsApp.
    Number(Jid, Number),
    /// A LID that does not exist.
    UnknownLid(Jid),
    /// Not a number.
    Invalid,
}

/// By JID, or by the number in `<contact>`. The response has the server's spelling of the number, and the LID if the
/// query is by LID.
fn subject(state: &State, entry: &Node, by_lid: bool) -> Subject {
    if let Some(jid) = stanza::jid(entry, "jid") {
        return match state.resolve(&jid) {
            Some((number, _)) if jid.is_lid() => Subject::Number(number.lid(), number),
            Some((number, _)) => Subject::Number(number.pn(), number),
            None if jid.is_lid() => Subject::UnknownLid(jid.to_non_ad()),
            None => Subject::Invalid,
        };
    }
    let text = spelled(entry);
    match text.and_then(|text| text.parse().ok()) {
        Some(number) => {
            let number = state.canonical(number);
            let on_whatsapp = !state.unknown.contains(&number);
            let jid = match by_lid && on_whatsapp {
                true => number.lid(),
                false => number.pn(),
            };
            Subject::Number(jid, number)
        }
        None => Subject::Invalid,
    }
}

/// The number in the client's spelling.
fn spelled(entry: &Node) -> Option<CompactString> {
    entry.get_optional_child("contact")?.content_as_string()
}

fn answer_user(
    state: &mut State,
    asker: &Number,
    entry: &Node,
    asked: &[&str],
    by_lid: bool,
) -> Option<Node> {
    let contact = spelled(entry);
    let (jid, number) = match subject(state, entry, by_lid) {
        Subject::Number(jid, number) => (jid, number),
        Subject::UnknownLid(jid) => {
            let absent = absent(asked, contact.as_deref(), "out");
            return Some(
                NodeBuilder::new("user")
                    .attr("jid", jid)
                    .children(absent)
                    .build(),
            );
        }
        Subject::Invalid => {
            let absent = absent(asked, contact.as_deref(), "invalid");
            return Some(NodeBuilder::new("user").children(absent).build());
        }
    };
    let children = if state.unknown.contains(&number) {
        absent(asked, contact.as_deref(), "out")
    } else {
        if asked == ["devices"] && is_unchanged(state, &jid, &number, entry) {
            return None;
        }
        present(state, asker, asked, (&jid, &number), contact.as_deref())
    };
    let user = NodeBuilder::new("user").attr("jid", jid.clone());
    let user = if jid.is_lid() && !state.is_hidden(&number) {
        user.attr("pn_jid", number.pn())
    } else {
        user
    };
    Some(user.children(children).build())
}

/// The response for a user who is on WhatsApp.
fn present(
    state: &mut State,
    asker: &Number,
    asked: &[&str],
    (jid, number): (&Jid, &Number),
    contact: Option<&str>,
) -> Vec<Node> {
    let mut children = Vec::with_capacity(asked.len());
    for protocol in asked {
        children.extend(match *protocol {
            "contact" => Some(contact_answer("in", contact)),
            "lid" => {
                // Creates the user: from now on, others may query its LID.
                state.user(number);
                Some(NodeBuilder::new("lid").attr("val", number.lid()).build())
            }
            "devices" => {
                let hash = state.device_hash(number, jid.is_lid());
                let user = state.user(number);
                user.watchers.insert((asker.clone(), jid.is_lid()));
                Some(devices(user, hash))
            }
            "status" => Some(about(state.user(number), number, asker)),
            // Only a business has a verified name.
            "business" => state.user(number).profile.business.as_deref().map(|name| {
                let name = verified_name(name).build();
                NodeBuilder::new("business").children([name]).build()
            }),
            "picture" => Some(picture(state.user(number), number, asker)),
            "disappearing_mode" => {
                let (seconds, at) = state.user(number).profile.timer;
                let timer = NodeBuilder::new("disappearing_mode");
                Some(timer.attr("duration", seconds).attr("t", at).build())
            }
            _ => None,
        });
    }
    children
}

/// The response for a user who is not on WhatsApp.
fn absent(asked: &[&str], contact: Option<&str>, kind: &'static str) -> Vec<Node> {
    let answer = |protocol: &&str| match *protocol {
        "contact" => Some(contact_answer(kind, contact)),
        "devices" => Some(not_found("devices")),
        "picture" => Some(not_found("picture")),
        "status" => Some(not_found("status")),
        _ => None,
    };
    asked.iter().filter_map(answer).collect()
}

/// Whether the client has the current device list, according to the hash in its request.
fn is_unchanged(state: &State, jid: &Jid, number: &Number, entry: &Node) -> bool {
    let known = entry
        .get_optional_child("devices")
        .and_then(|devices| stanza::text(devices, "device_hash"));
    let current = state.device_hash(number, jid.is_lid());
    known.is_some() && known.as_deref() == current.as_deref()
}

fn contact_answer(kind: &'static str, asked: Option<&str>) -> Node {
    let answer = NodeBuilder::new("contact").attr("type", kind);
    match asked {
        Some(text) => answer.string_content(text).build(),
        None => answer.build(),
    }
}

fn not_found(tag: &'static str) -> Node {
    refused(tag, 404, "item-not-found")
}

fn refused(tag: &'static str, code: u16, text: &'static str) -> Node {
    let error = NodeBuilder::new("error")
        .attr("code", code)
        .attr("text", text)
        .build();
    NodeBuilder::new(tag).children([error]).build()
}

/// The about text; empty and with 401 if the asker may not see it.
fn about(user: &User, own: &Number, asker: &Number) -> Node {
    let status = NodeBuilder::new("status");
    if !user.shows("status", own, asker) {
        return status.attr("code", 401).attr("t", 0).build();
    }
    match &user.profile.about {
        Some((text, at)) => status.attr("t", *at).string_content(text.as_str()).build(),
        None => status.attr("t", unix_now()).build(),
    }
}

fn picture(user: &User, own: &Number, asker: &Number) -> Node {
    if !user.shows("profile", own, asker) {
        return refused("picture", 401, "not-authorized");
    }
    match &user.profile.picture {
        Some(picture) => NodeBuilder::new("picture").attr("id", picture.id).build(),
        None => not_found("picture"),
    }
}

fn devices(user: &User, hash: Option<String>) -> Node {
    let mut list = vec![NodeBuilder::new("device").attr("id", 0).build()];
    list.extend(user.linked().map(|(device, key_index)| {
        let node = NodeBuilder::new("device")
            .attr("id", device)
            .attr("key-index", key_index);
        match device {
            PROVIDER => node.attr("is_hosted", "true").build(),
            _ => node.build(),
        }
    }));
    let device_list = NodeBuilder::new("device-list");
    let device_list = match hash {
        Some(hash) => device_list.attr("hash", hash),
        None => device_list,
    };
    let mut children = vec![device_list.children(list).build()];
    if !user.key_index_list.is_empty() {
        let signed = NodeBuilder::new("key-index-list")
            .attr("ts", unix_now())
            .bytes(user.key_index_list.clone())
            .build();
        children.push(signed);
    }
    NodeBuilder::new("devices").children(children).build()
}

#[cfg(test)]
mod tests;
