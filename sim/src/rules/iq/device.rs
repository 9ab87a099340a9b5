//! Namespaces that need no state: server properties, and sets that have no effect.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::rules::iq::question::Question;
use crate::state::config::Leniency;
use crate::state::shared::Shared;
use crate::wire::stanza;

/// Namespaces whose sets are acknowledged and have no effect.
const NO_EFFECT: [&str; 9] = [
    "abt",
    "md",
    "passive",
    "spam",
    "tos",
    "urn:xmpp:whatsapp:account",
    "urn:xmpp:whatsapp:dirty",
    "w:stats",
    "w:web",
];

pub(super) fn answer(shared: &Shared, question: &Question<'_>, xmlns: &str) -> Node {
    let node = question.node;
    let content = match xmlns {
        "abt" | "w" if question.child_is("props") => Some(props(shared)),
        "w:p" => None,
        _ if question.set && NO_EFFECT.contains(&xmlns) => None,
        _ => return unknown(shared, node),
    };
    stanza::result(node, content)
}

/// The response to an unknown iq: `feature-not-implemented`.
pub(super) fn unknown(shared: &Shared, node: &Node) -> Node {
    let xmlns = stanza::text(node, "xmlns").unwrap_or_default();
    let child = stanza::children(node)
        .first()
        .map(|child| child.tag.to_string());
    tracing::info!(%xmlns, ?child, "unknown iq");
    if shared.config.is_strict(Leniency::Iqs) {
        stanza::error(node, 501, "feature-not-implemented")
    } else {
        stanza::result(node, [])
    }
}

/// WhatsApp's numbers of the properties `privacy_token_sending_on_all_1_on_1_messages` and `wa_nct_token_send_enabled`.
const TOKEN_PROPS: [u32; 2] = [10_518, 24_941];

/// No experiments: every client uses its defaults, except for privacy tokens, if the server requires them.
fn props(shared: &Shared) -> Node {
    let on = TOKEN_PROPS
        .iter()
        .filter(|_| shared.config.is_strict(Leniency::Tokens));
    let props = on.map(|code| {
        NodeBuilder::new("prop")
            .attr("config_code", *code)
            .attr("config_value", "1")
            .build()
    });
    NodeBuilder::new("props")
        .attr("protocol", "1")
        .attr("ab_key", "sim")
        .attr("hash", "sim")
        .attr("refresh", "86400")
        .attr("refresh_id", "1")
        .children(props)
        .build()
}
