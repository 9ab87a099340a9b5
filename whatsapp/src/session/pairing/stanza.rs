//! The stanzas of a socket that is not linked: how to recognise them, and how to answer them.

use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Node, NodeRef, SERVER_JID};

/// The namespace of all requests while linking.
const NAMESPACE: &str = "md";
/// The maximum size of a reference. Real ones have fewer than 200 bytes.
pub(super) const MAX_REF_BYTES: usize = 512;
/// The namespaces of the client's ping and of the server's.
const PING: &str = "w:p";
const SERVER_PING: &str = "urn:xmpp:ping";

/// Whether WhatsApp's server has sent it. Everything else on this socket is ignored.
pub(super) fn is_from_server(node: &NodeRef<'_>) -> bool {
    let from = node.get_attr("from");
    from.is_some_and(|from| from.as_str() == SERVER_JID)
}

/// An attribute as text.
pub(super) fn text(node: &NodeRef<'_>, name: &str) -> Option<String> {
    Some(node.get_attr(name)?.as_str().into_owned())
}

/// Whether an attribute has this value.
pub(super) fn is(node: &NodeRef<'_>, name: &str, value: &str) -> bool {
    node.get_attr(name).is_some_and(|it| it.as_str() == value)
}

/// The content of a child.
pub(super) fn content<'n>(node: &'n NodeRef<'_>, tag: &str) -> Option<&'n [u8]> {
    own_content(node.get_optional_child(tag)?)
}

/// The content of a child as text.
pub(super) fn content_text<'n>(node: &'n NodeRef<'_>, tag: &str) -> Option<&'n str> {
    own_text(node.get_optional_child(tag)?)
}

/// The content as text.
pub(super) fn own_text<'n>(node: &'n NodeRef<'_>) -> Option<&'n str> {
    std::str::from_utf8(own_content(node)?).ok()
}

/// The server sends texts as bytes or as strings.
fn own_content<'n>(node: &'n NodeRef<'_>) -> Option<&'n [u8]> {
    let text = || node.content_str().map(str::as_bytes);
    node.content_bytes().or_else(text)
}

/// Whether a reference of the server has a bearable size.
pub(super) fn is_reference(text: &str) -> bool {
    (1..=MAX_REF_BYTES).contains(&text.len())
}

/// The content of a child of a known size.
pub(super) fn content_array<const N: usize>(node: &NodeRef<'_>, tag: &str) -> Option<[u8; N]> {
    content(node, tag)?.try_into().ok()
}

/// A child with this content.
pub(super) fn leaf(tag: &'static str, bytes: impl Into<Vec<u8>>) -> Node {
    NodeBuilder::new(tag).bytes(bytes).build()
}

/// `<iq type="get">` or `<iq type="set">` with one child.
pub(super) fn request(id: &str, kind: &'static str, child: Node) -> Node {
    iq(id, kind, NAMESPACE).children([child]).build()
}

/// The client's ping.
pub(super) fn ping(id: &str) -> Node {
    iq(id, "get", PING).build()
}

fn iq(id: &str, kind: &'static str, namespace: &'static str) -> NodeBuilder {
    NodeBuilder::new("iq")
        .attr("id", id)
        .attr("xmlns", namespace)
        .attr("type", kind)
        .attr("to", SERVER_JID)
}

/// The answer to the server's ping, which may have no type; `None` for any other iq.
pub(super) fn pong(node: &NodeRef<'_>) -> Option<Node> {
    let is_request = node.get_attr("type").is_none() || is(node, "type", "get");
    let is_ping = is(node, "xmlns", SERVER_PING) || node.get_optional_child("ping").is_some();
    if !is_request || !is_ping {
        return None;
    }
    let pong = NodeBuilder::new("iq")
        .attr("to", SERVER_JID)
        .attr("type", "result");
    Some(match text(node, "id") {
        Some(id) => pong.attr("id", id).build(),
        None => pong.build(),
    })
}

/// The ack of a notification; `None` without the attributes that it needs.
pub(super) fn ack(node: &NodeRef<'_>) -> Option<Node> {
    let mut ack = NodeBuilder::new("ack")
        .attr("class", "notification")
        .attr("id", text(node, "id")?)
        .attr("to", text(node, "from")?);
    for name in ["type", "participant", "recipient"] {
        if let Some(value) = text(node, name) {
            ack = ack.attr(name, value);
        }
    }
    Some(ack.build())
}

/// The code of an `<iq type="error">`.
pub(super) fn error_code(node: &NodeRef<'_>) -> Option<u16> {
    if !is(node, "type", "error") {
        return None;
    }
    let error = node.get_optional_child("error");
    let code = error.and_then(|error| text(error, "code")?.parse().ok());
    Some(code.unwrap_or_default())
}
