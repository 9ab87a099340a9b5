//! How a stream is ended by words: `<failure>` instead of `<success>`, `<stream:error>` later on, `<xmlstreamend>` behind
//! either.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::wire::stanza;

/// `<failure>` instead of `<success>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// 401 logged out, 402 temporary ban, 403 banned, 405 client outdated, 503 …
    pub reason: u16,
    /// Length of a temporary ban in seconds.
    pub expire: Option<u64>,
    /// Why the temporary ban: 101 sent too many, 102 blocked by users …
    pub code: Option<u32>,
}

impl Failure {
    /// For this reason, and nothing more is said of it.
    pub(crate) const fn of(reason: u16) -> Self {
        Self {
            reason,
            expire: None,
            code: None,
        }
    }
}

/// A failure with all that the server says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFailure {
    /// What it is.
    pub failure: Failure,
    /// Attributes that go with it: `message`, `url`, `logout_message_header`, `logout_message_subtext`,
    /// `logout_message_locale` and whatever else.
    pub words: Vec<(String, String)>,
    /// The socket is closed in the same breath, without `<xmlstreamend/>` (whatsapp-rust#1165).
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

/// `<stream:error><ack/></stream:error>`: the ack of this stanza is missing, or was wrong.
pub(crate) fn owed_ack(class: &'static str, id: &str) -> Node {
    let ack = NodeBuilder::new("ack").attr("class", class).attr("id", id);
    NodeBuilder::new("stream:error")
        .children([ack.build()])
        .build()
}

/// `<stream:error><xml-not-well-formed/></stream:error>`: what the client sent could not be read.
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
