//! Iqs from clients, by namespace. Unknown ones are refused.

mod app_state;
mod business;
mod channels;
mod communities;
mod device;
mod groups;
mod media;
mod mex;
mod prekeys;
mod privacy;
mod profile;
mod question;
mod usync;

use std::sync::Arc;

use wacore_binary::Node;

use crate::delivery::backlog;
use crate::number::DeviceId;
use crate::phones::bootstrap;
use crate::rules::devices;
use crate::rules::limits;
use crate::rules::pairing::{code, passkey};
use crate::rules::tokens;
use crate::state::limits::Limited;
use crate::state::link::Link;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;
use question::Question;

/// A client's ping.
const PING: &str = "w:p";

/// Answers a linked companion's iq.
pub(crate) fn answer(shared: &Shared, link: &Arc<Link>, id: &DeviceId, node: &Node) {
    let kind = stanza::text(node, "type").unwrap_or_default();
    if kind != "get" && kind != "set" {
        link.answered(&stanza::text(node, "id").unwrap_or_default());
        return;
    }
    let xmlns = stanza::text(node, "xmlns").unwrap_or_default();
    if is_silenced(shared, id, &xmlns) {
        return;
    }
    let over = xmlns != PING && limits::refuses(shared, link, id, Limited::Iqs);
    let answer = match error_due(shared, id, &xmlns) {
        Some(code) => stanza::error(node, code, "fault"),
        None if over => stanza::error(node, limits::TOO_MANY, "rate-overlimit"),
        None => {
            let question = Question {
                node,
                set: kind == "set",
                child: stanza::children(node).first(),
            };
            answer_in(shared, link, id, &xmlns, &question)
        }
    };
    lock(&shared.state).send_unqueued(link, Some(&id.0), &answer);
    if over {
        return;
    }
    if xmlns == "passive"
        && stanza::children(node)
            .iter()
            .any(|child| child.tag == "active")
    {
        backlog::activate(shared, link, id);
    }
    if xmlns == "urn:xmpp:whatsapp:dirty"
        && let Some(companion) = lock(&shared.state).companion(id)
    {
        for clean in stanza::children(node) {
            if let Some(kind) = stanza::text(clean, "type") {
                companion.dirty.remove(kind.as_ref());
            }
        }
    }
    if xmlns == "encrypt" && kind == "set" {
        bootstrap::begin(shared, id);
    }
    if xmlns == "md" && node.get_optional_child("remove-companion-device").is_some() {
        devices::remove(shared, &id.0, Some(id.1));
    }
}

fn is_silenced(shared: &Shared, id: &DeviceId, xmlns: &str) -> bool {
    let mut state = lock(&shared.state);
    state.user(&id.0).faults.is_silent_on(xmlns) || state.faults.is_silent_on(xmlns)
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
        "encrypt" => prekeys::fetch(shared, id, question),
        "usync" => usync::answer(shared, id, question),
        "w:g2" => groups::answer(shared, id, question),
        "w:m" if question.child_is("media_conn") => media::connection(shared, id, question),
        "w:sync:app:state" => app_state::answer(shared, id, question),
        "md" if question.child_is("link_code_companion_reg") => {
            code::receive(shared, link, question.node)
        }
        "privacy" if question.set && question.child_is("tokens") => {
            if let Some(asked) = question.child {
                tokens::issue(shared, &id.0, asked);
            }
            stanza::result(question.node, [])
        }
        "newsletter" => channels::answer(shared, id, question),
        "w:mex" => mex::answer(shared, id, question),
        "privacy" if question.set => privacy::set(shared, id, question),
        "privacy" => privacy::settings(shared, id, question),
        "blocklist" if question.set => privacy::block(shared, id, question),
        "blocklist" => privacy::blocklist(shared, id, question),
        "w:biz" if !question.set => business::profiles(shared, question),
        "w:profile:picture" => profile::picture(shared, id, question),
        "status" if question.set => profile::about(shared, id, question),
        "disappearing_mode" if question.set => profile::timer(shared, id, question),
        _ => device::answer(shared, question, xmlns),
    }
}

/// Answers an iq from a socket that is not linked yet: pings, and linking by code or with a passkey.
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
        None if question.child_is("link_code_companion_reg") => code::receive(shared, link, node),
        None if passkey::is_part(question.child) => passkey::receive(shared, link, node),
        None if xmlns == PING || stanza::is(node, "type", "result") => stanza::result(node, []),
        None => device::unknown(shared, node),
    };
    lock(&shared.state).send_unqueued(link, None, &answer);
}
