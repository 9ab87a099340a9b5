//! A client's iq to the server.

use wacore_binary::Node;

/// The parsed parts of an iq: namespace, type and first child.
pub(super) struct Question<'a> {
    pub(super) node: &'a Node,
    pub(super) set: bool,
    pub(super) child: Option<&'a Node>,
}

impl Question<'_> {
    pub(super) fn child_is(&self, tag: &str) -> bool {
        self.child.is_some_and(|child| child.tag == tag)
    }
}
