//! Who is on WhatsApp, under which LID, with which devices.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{CompactString, Jid, Node};

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
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
    let list = usync
        .get_optional_child("list")
        .map(stanza::children)
        .unwrap_or_default();
    let mut state = lock(&shared.state);
    let users: Vec<Node> = list
        .iter()
        .filter(|entry| entry.tag == "user")
        .filter_map(|entry| answer_user(&mut state, &id.0, entry, &asked))
        .collect();
    drop(state);
    let answer = envelope(usync, &asked, users);
    stanza::result(question.node, [answer])
}

/// `<usync>` with what the request's own said of itself.
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

/// Whom an entry asks about: by JID, or by the number in `<contact>`. A number that is written in another way than the
/// server's is answered under the server's.
fn subject(state: &State, entry: &Node) -> Option<(Jid, Number, Option<CompactString>)> {
    if let Some(jid) = stanza::jid(entry, "jid") {
        let (number, _) = state.resolve(&jid)?;
        let jid = if jid.is_lid() {
            jid.to_non_ad()
        } else {
            number.pn()
        };
        return Some((jid, number, None));
    }
    let text = entry.get_optional_child("contact")?.content_as_string()?;
    let number = state.canonical(text.parse().ok()?);
    Some((number.pn(), number, Some(text)))
}

fn answer_user(state: &mut State, asker: &Number, entry: &Node, asked: &[&str]) -> Option<Node> {
    let (jid, number, contact) = subject(state, entry)?;
    let known = !state.unknown.contains(&number);
    let mut children = Vec::with_capacity(asked.len());
    for protocol in asked {
        let child = match *protocol {
            "contact" => Some(contact_answer(known, contact.as_deref())),
            "lid" if known => {
                // From now on others may be asked about by it.
                state.user(&number);
                Some(NodeBuilder::new("lid").attr("val", number.lid()).build())
            }
            "devices" if known => {
                let user = state.user(&number);
                user.watchers.insert((asker.clone(), jid.is_lid()));
                Some(devices(user))
            }
            "devices" => Some(not_found("devices")),
            "status" if known => Some(NodeBuilder::new("status").attr("t", unix_now()).build()),
            _ => None,
        };
        children.extend(child);
    }
    let user = NodeBuilder::new("user").attr("jid", jid.clone());
    let user = if jid.is_lid() {
        user.attr("pn_jid", number.pn())
    } else {
        user
    };
    Some(user.children(children).build())
}

fn contact_answer(known: bool, asked: Option<&str>) -> Node {
    let answer = NodeBuilder::new("contact").attr("type", if known { "in" } else { "out" });
    match asked {
        Some(text) => answer.string_content(text).build(),
        None => answer.build(),
    }
}

fn not_found(tag: &'static str) -> Node {
    let error = NodeBuilder::new("error")
        .attr("code", 404)
        .attr("text", "item-not-found")
        .build();
    NodeBuilder::new(tag).children([error]).build()
}

fn devices(user: &User) -> Node {
    let mut list = vec![NodeBuilder::new("device").attr("id", 0).build()];
    list.extend(user.linked().map(|(device, key_index)| {
        NodeBuilder::new("device")
            .attr("id", device)
            .attr("key-index", key_index)
            .build()
    }));
    let mut children = vec![NodeBuilder::new("device-list").children(list).build()];
    if !user.key_index_list.is_empty() {
        let signed = NodeBuilder::new("key-index-list")
            .attr("ts", unix_now())
            .bytes(user.key_index_list.clone())
            .build();
        children.push(signed);
    }
    NodeBuilder::new("devices").children(children).build()
}
