//! A group's place in a community. A community is a group, too: its parent group, which has members but no messages.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

/// A group's place in a community.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// In no community.
    #[default]
    Alone,
    /// The parent group of a community.
    Parent(CommunitySettings),
    /// A group of the community with this id.
    Linked { parent: String, role: Role },
}

/// The settings of a community.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CommunitySettings {
    /// An admin has to approve those who join.
    pub(crate) closed: bool,
    /// Members who are not admins may create groups in it.
    pub(crate) open_to_groups: bool,
}

/// What a group is in its community.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The announcement group: each community has one, with the members of the parent group.
    Announcements,
    /// The general chat.
    General,
    /// Any other group.
    Ordinary,
}

impl Place {
    /// The community's id, if the group is linked to one.
    pub(crate) fn parent(&self) -> Option<&str> {
        match self {
            Self::Linked { parent, .. } => Some(parent),
            Self::Alone | Self::Parent(_) => None,
        }
    }

    /// What the group is in its community.
    pub(crate) fn role(&self) -> Option<Role> {
        match self {
            Self::Linked { role, .. } => Some(*role),
            Self::Alone | Self::Parent(_) => None,
        }
    }

    /// The children of a group's description that describe its place.
    pub(crate) fn describe(&self) -> Vec<Node> {
        match self {
            Self::Alone => Vec::new(),
            Self::Parent(terms) => terms.describe(),
            Self::Linked { parent, role } => {
                let parent = Jid::group(parent.as_str());
                let linked = NodeBuilder::new("linked_parent").attr("jid", parent);
                std::iter::once(linked.build())
                    .chain(role.describe())
                    .collect()
            }
        }
    }
}

impl CommunitySettings {
    fn describe(self) -> Vec<Node> {
        let parent = NodeBuilder::new("parent");
        let parent = match self.closed {
            true => parent.attr("default_membership_approval_mode", "request_required"),
            false => parent,
        };
        let open = self
            .open_to_groups
            .then(|| NodeBuilder::new("allow_non_admin_sub_group_creation").build());
        std::iter::once(parent.build()).chain(open).collect()
    }
}

impl Role {
    /// The child of a group's description that marks its role.
    pub(crate) fn describe(self) -> Option<Node> {
        let tag = match self {
            Self::Announcements => "default_sub_group",
            Self::General => "general_chat",
            Self::Ordinary => return None,
        };
        Some(NodeBuilder::new(tag).build())
    }
}
