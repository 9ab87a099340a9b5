//! Helpers for reading and building stanzas.

use std::borrow::Cow;

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, NodeContent, NodeValue};

pub(crate) fn text<'a>(node: &'a Node, name: &str) -> Option<Cow<'a, str>> {
    node.attrs.get(name).map(NodeValue::as_str)
}

pub(crate) fn jid(node: &Node, name: &str) -> Option<Jid> {
    node.attrs.get(name).and_then(NodeValue::to_jid)
}

pub(crate) fn is(node: &Node, name: &str, value: &str) -> bool {
    node.attrs.get(name).is_some_and(|found| found == value)
}

/// The content as bytes. Short content may have been encoded as a packed string.
pub(crate) fn bytes(node: &Node) -> Option<Cow<'_, [u8]>> {
    match node.content.as_ref()? {
        NodeContent::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        NodeContent::String(text) => Some(Cow::Borrowed(text.as_bytes())),
        NodeContent::Nodes(_) => None,
    }
}

pub(crate) fn child_bytes<'a>(node: &'a Node, tag: &str) -> Option<Cow<'a, [u8]>> {
    bytes(node.get_optional_child(tag)?)
}

/// A child's content, if it has exactly this length.
pub(crate) fn child_array<const N: usize>(node: &Node, tag: &str) -> Option<[u8; N]> {
    child_bytes(node, tag)?.as_ref().try_into().ok()
}

/// A child's content as a big-endian number of up to four bytes.
pub(crate) fn child_number(node: &Node, tag: &str) -> Option<u32> {
    let bytes = child_bytes(node, tag)?;
    let known = (1..=4).contains(&bytes.len());
    known.then(|| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    })
}

pub(crate) fn children(node: &Node) -> &[Node] {
    node.children().unwrap_or_default()
}

/// The server as a sender: a JID without a user. Clients distinguish it from the bare host name.
pub(crate) fn server() -> Jid {
    Jid::pn("")
}

/// An iq from the server with this id.
pub(crate) fn server_iq(id: &str, xmlns: &'static str, child: Node) -> Node {
    NodeBuilder::new("iq")
        .attr("from", server())
        .attr("type", "set")
        .attr("id", id)
        .attr("xmlns", xmlns)
        .attr("t", crate::clock::unix_now())
        .children([child])
        .build()
}

/// `urn:xmpp:ping`: checks that the client responds.
pub(crate) fn ping(id: &str) -> Node {
    NodeBuilder::new("iq")
        .attr("from", server())
        .attr("type", "get")
        .attr("id", id)
        .attr("xmlns", "urn:xmpp:ping")
        .attr("t", crate::clock::unix_now())
        .build()
}

fn reply(request: &Node, kind: &'static str) -> NodeBuilder {
    let from = request
        .attrs
        .get("to")
        .cloned()
        .unwrap_or_else(|| NodeValue::from(server()));
    let id = request.attrs.get("id").cloned().unwrap_or_default();
    NodeBuilder::new("iq")
        .attr("from", from)
        .attr("type", kind)
        .attr("id", id)
}

pub(crate) fn result(request: &Node, content: impl IntoIterator<Item = Node>) -> Node {
    let mut content = content.into_iter().peekable();
    let reply = reply(request, "result");
    if content.peek().is_none() {
        return reply.build();
    }
    reply.children(content).build()
}

pub(crate) fn error(request: &Node, code: u16, text: &str) -> Node {
    let child = NodeBuilder::new("error")
        .attr("code", code)
        .attr("text", text)
        .build();
    reply(request, "error").children([child]).build()
}

pub(crate) fn ib(child: Node) -> Node {
    NodeBuilder::new("ib")
        .attr("from", server())
        .children([child])
        .build()
}

pub(crate) fn number_bytes(value: u32, width: usize) -> Vec<u8> {
    value.to_be_bytes()[4 - width..].to_vec()
}

pub(crate) fn content(tag: &'static str, bytes: impl Into<Vec<u8>>) -> Node {
    NodeBuilder::new(tag).bytes(bytes).build()
}
