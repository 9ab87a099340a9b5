//! Questions that clients ask the server, by namespace. Whatever is not known gets an empty result, as most sets do.

mod app_state;
mod device;
mod groups;
mod link_code;
mod prekeys;
mod usync;

use std::sync::Arc;

use wacore_binary::Node;

use crate::link::Link;
use crate::sim::Shared;
use crate::stanza;
use crate::state::DeviceId;
use crate::sync::lock;

/// What an iq is: its namespace, type and first child.
struct Question<'a> {
    node: &'a Node,
    set: bool,
    child: Option<&'a Node>,
}

impl Question<'_> {
    fn child_is(&self, tag: &str) -> bool {
        self.child.is_some_and(|child| child.tag == tag)
    }
}

/// Answers a linked companion's iq.
pub(crate) fn answer(shared: &Shared, link: &Arc<Link>, id: &DeviceId, node: &Node) {
    let kind = stanza::text(node, "type").unwrap_or_default();
    if kind != "get" && kind != "set" {
        // The answer to something the server asked.
        return;
    }
    let xmlns = stanza::text(node, "xmlns").unwrap_or_default();
    let answer = match error_due(shared, id, &xmlns) {
        Some(code) => stanza::error(node, code, "fault"),
        None => {
            let question = Question {
                node,
                set: kind == "set",
                child: stanza::children(node).first(),
            };
            answer_in(shared, link, id, &xmlns, &question)
        }
    };
    lock(&shared.state).tell(link, Some(&id.0), &answer);
    if xmlns == "passive"
        && stanza::children(node)
            .iter()
            .any(|child| child.tag == "active")
    {
        shared.activate(link, id);
    }
    if xmlns == "encrypt" && kind == "set" {
        shared.bootstrap(id);
    }
    if xmlns == "md" && node.get_optional_child("remove-companion-device").is_some() {
        shared.remove_devices(&id.0, Some(id.1));
    }
}

fn error_due(shared: &Shared, id: &DeviceId, xmlns: &str) -> Option<u16> {
    let mut state = lock(&shared.state);
    let own = state.user(&id.0).faults.iq_error(xmlns);
    own.or_else(|| state.faults.iq_error(xmlns))
}

fn answer_in(
    shared: &Shared,
    link: &Arc<Link>,
    id: &DeviceId,
    xmlns: &str,
    question: &Question<'_>,
) -> Node {
    match xmlns {
        "encrypt" if question.set => prekeys::publish(shared, id, question),
        "encrypt" => prekeys::hand_out(shared, id, question),
        "usync" => usync::answer(shared, id, question),
        "w:g2" => groups::answer(shared, id, question),
        "w:sync:app:state" => app_state::answer(shared, id, question),
        "md" if question.child_is("link_code_companion_reg") => {
            link_code::answer(shared, link, question)
        }
        _ => device::answer(question, xmlns),
    }
}

/// Answers an iq from a socket that is not linked yet: pings, and linking by code.
pub(crate) fn answer_unlinked(shared: &Shared, link: &Arc<Link>, node: &Node) {
    let question = Question {
        node,
        set: stanza::is(node, "type", "set"),
        child: stanza::children(node).first(),
    };
    let xmlns = stanza::text(node, "xmlns").unwrap_or_default();
    let error = lock(&shared.state).faults.iq_error(&xmlns);
    let answer = match error {
        Some(code) => stanza::error(node, code, "fault"),
        None if question.child_is("link_code_companion_reg") => {
            link_code::answer(shared, link, &question)
        }
        None => stanza::result(node, []),
    };
    lock(&shared.state).tell(link, None, &answer);
}
