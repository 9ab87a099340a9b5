//! Groups: who is in them, and how they are described to a companion.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::clock::unix_now;
use crate::number::Number;
use crate::queue::{Class, Item};
use crate::sim::Shared;
use crate::sync::lock;

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

impl Shared {
    /// Makes a group and tells its members' companions. Returns the user part of its JID.
    pub(crate) fn make_group(&self, creator: &Number, subject: &str, members: &[Number]) -> String {
        let mut everybody = vec![creator.clone()];
        for member in members {
            if !everybody.contains(member) {
                everybody.push(member.clone());
            }
        }
        let mut state = lock(&self.state);
        for member in &everybody {
            state.user(member);
        }
        let id = format!("12036300000000{:04}", state.groups.len() + 1);
        let group = Group {
            id: id.clone(),
            subject: subject.to_owned(),
            creator: creator.clone(),
            members: everybody.clone(),
            created_at: unix_now(),
        };
        let notification = created(&group);
        state.groups.insert(id.clone(), group);
        for member in &everybody {
            for companion in state.companions_of(member) {
                state.deliver(&companion, notification.clone());
            }
        }
        drop(state);
        self.announce();
        id
    }
}

/// `<notification type="w:gp2"><create>`.
fn created(group: &Group) -> Item {
    let id = crate::id::stanza();
    let create = NodeBuilder::new("create")
        .attr("type", "new")
        .children([group.describe()])
        .build();
    let node = NodeBuilder::new("notification")
        .attr("from", group.jid())
        .attr("participant", group.creator.lid())
        .attr("addressing_mode", "lid")
        .attr("id", id.as_str())
        .attr("type", "w:gp2")
        .attr("t", group.created_at)
        .children([create])
        .build();
    Item {
        class: Class::Notification,
        id,
        origin: format!("{}/{}", group.id, group.creator.digits()),
        node,
    }
}
