//! Stanzas that end a stream: `<failure>` in place of `<success>`, `<stream:error>` later, and `<xmlstreamend>` after
//! either.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::wire::stanza;

/// `<failure>` instead of `<success>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// 401 logged out, 402 temporary ban, 403 banned, 405 client outdated, 503 …
    pub reason: u16,
    /// The duration of a temporary ban, in seconds.
    pub expire: Option<u64>,
    /// The reason for a temporary ban: 101 sent too many, 102 blocked by users …
    pub code: Option<u32>,
}

impl Failure {
    /// A failure with only this reason.
    pub(crate) const fn of(reason: u16) -> Self {
        Self {
            reason,
            expire: None,
            code: None,
        }
    }
}

/// A failure with all its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFailure {
    /// The failure.
    pub failure: Failure,
    /// Additional attributes: `message`, `url`, `logout_message_header`, `logout_message_subtext`,
    /// `logout_message_locale`, and any others.
    pub words: Vec<(String, String)>,
    /// The socket is closed immediately after the failure, without `<xmlstreamend/>` (whatsapp-rust#1165).
    pub at_once: bool,
}

impl From<Failure> for LoginFailure {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            words: Vec::new(),
            at_once: false,
        }
    }
}

pub(crate) fn login_failure(failed: &LoginFailure) -> Node {
    let mut node = failure(failed.failure);
    for (name, value) in &failed.words {
        node.attrs.insert(name.clone(), value.clone());
    }
    node
}

pub(crate) fn stream_error(code: u16) -> Node {
    NodeBuilder::new("stream:error").attr("code", code).build()
}

/// `<stream:error><ack/></stream:error>`: the ack of this stanza is missing or wrong.
pub(crate) fn owed_ack(class: &'static str, id: &str) -> Node {
    let ack = NodeBuilder::new("ack").attr("class", class).attr("id", id);
    NodeBuilder::new("stream:error")
        .children([ack.build()])
        .build()
}

/// `<stream:error><xml-not-well-formed/></stream:error>`: the client sent an unreadable stanza.
pub(crate) fn bad_xml() -> Node {
    let what = NodeBuilder::new("xml-not-well-formed").build();
    NodeBuilder::new("stream:error").children([what]).build()
}

/// The last stanza of a stream.
pub(crate) fn stream_end() -> Node {
    NodeBuilder::new("xmlstreamend").build()
}

pub(crate) fn conflict(kind: &'static str, code: Option<u16>) -> Node {
    let child = NodeBuilder::new("conflict").attr("type", kind).build();
    let error = NodeBuilder::new("stream:error").children([child]);
    match code {
        Some(code) => error.attr("code", code).build(),
        None => error.build(),
    }
}

pub(crate) fn failure(failure: Failure) -> Node {
    let mut node = NodeBuilder::new("failure")
        .attr("from", stanza::server())
        .attr("reason", failure.reason)
        .attr("location", "sim");
    if let Some(expire) = failure.expire {
        node = node.attr("expire", expire);
    }
    if let Some(code) = failure.code {
        node = node.attr("code", code);
    }
    node.build()
}
