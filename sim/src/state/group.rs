//! Groups: who is in them, and how they are described to a companion.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::number::Number;

/// A group, addressed by LID as new groups are.
pub(crate) struct Group {
    /// The user part of its JID.
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) creator: Number,
    /// The creator is among them.
    pub(crate) members: Vec<Number>,
    pub(crate) created_at: u64,
}

impl Group {
    pub(crate) fn jid(&self) -> Jid {
        Jid::group(self.id.as_str())
    }

    /// `<group>`, as in the answers of `w:g2`.
    pub(crate) fn describe(&self) -> Node {
        let participants = self.members.iter().map(|member| {
            let node = NodeBuilder::new("participant")
                .attr("jid", member.lid())
                .attr("phone_number", member.pn());
            if *member == self.creator {
                node.attr("type", "superadmin").build()
            } else {
                node.build()
            }
        });
        NodeBuilder::new("group")
            .attr("id", self.id.as_str())
            .attr("addressing_mode", "lid")
            .attr("subject", self.subject.as_str())
            .attr("s_t", self.created_at)
            .attr("s_o", self.creator.lid())
            .attr("creation", self.created_at)
            .attr("creator", self.creator.lid())
            .attr("creator_pn", self.creator.pn())
            .attr("size", self.members.len())
            .children(participants)
            .build()
    }
}
